"""Tables fit a terminal, and are LaTeX that booktabs sets."""

import numpy as np
import pandas as pd

from mne_brainae.utils.tables import as_latex, as_text


def test_wide_tables_go_on_below():
    columns = [f"a long heading {i}" for i in range(12)]
    rows = ["first", "second"]
    table = pd.DataFrame(np.arange(24.0).reshape(2, 12), rows, columns)
    text = as_text(table, float_format="{:.3f}".format)
    assert max(map(len, text.splitlines())) <= 100
    assert all(f"{column} " in f"{text} ".replace("\n", " ") for column in columns)
    assert text.count("first") > 1
    assert "23.000" in text
    narrow = table.iloc[:, :2]
    assert as_text(narrow) == narrow.to_string()


def test_latex_escapes_names_and_marks_the_best():
    text = pd.DataFrame(
        {"top-1 (%)": ["50.0 ± 1.0", "60.0"], "r_all": [".1", ".2"]},
        index=pd.Index(["ridge & co", "best"], name="the_row"),
    )
    best = pd.DataFrame([[False, False], [True, False]], text.index, text.columns)
    found = as_latex(text, "Table 1: 50 % of a_b", "tab:table1", best)
    for words in (
        r"\begin{table}[tbp]",
        r"\caption{Table 1: 50 \% of a\_b}",
        r"\label{tab:table1}",
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"top-1 (\%)",
        r"ridge \& co",
        r"50.0 $\pm$ 1.0",
        r"\textbf{60.0}",
        r"r\_all",
        r"the\_row",
    ):
        assert words in found
    assert found.count("textbf") == 1
    assert as_latex(text, "", "tab:a").count("textbf") == 0
