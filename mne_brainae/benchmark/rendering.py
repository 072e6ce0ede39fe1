"""A table of results beside the published values, in four forms."""

# License: BSD-3-Clause

from __future__ import annotations

import html
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from .._files import replacing
from ..evaluation import LEAST_SUBJECTS, compare_subjects
from .runner import Results
from .scores import COLUMNS, CONTROLS

PACKAGES = ("mne_brainae", "mne", "numpy", "scipy", "scikit-learn", "torch")


def summarise(results: Results) -> pd.DataFrame:
    """Average over seeds, then over subjects, beside what was published.

    Parameters
    ----------
    results : instance of Results
        What was measured.

    Returns
    -------
    summary : DataFrame, shape (n_cells, 10)
        Columns ``data``, ``row``, ``score``, ``mean``, ``sd`` (over subjects),
        ``n_subjects``, ``n_seeds``, ``published``, ``published_sd`` and ``difference``,
        which is NaN for simulated data. Rows that were not fitted are in it, without
        numbers of ours.
    """
    keys = ["data", "row", "score"]
    values = results.scores.astype({"value": float})
    by_subject = values.groupby([*keys, "subject"], sort=False)["value"].mean()
    found = by_subject.groupby(level=keys).agg(mean="mean", sd="std", n_subjects="size")
    found["n_seeds"] = values.groupby(keys)["seed"].nunique()
    table, data = results.table, results.protocol["data"]
    published = {
        (row.data, row.name, score): value
        for row in table.rows
        for score, value in table.published(row).items()
    }
    printed = pd.DataFrame(published, index=["published", "published_sd"]).T
    summary = found.join(printed.rename_axis(keys), how="outer").reset_index()
    simulated = [data.get(name, {}).get("simulated", False) for name in summary["data"]]
    difference = summary["mean"] - summary["published"]
    summary["difference"] = difference.where(~np.array(simulated, bool))
    return _in_order(summary, results)


def _in_order(summary: pd.DataFrame, results: Results) -> pd.DataFrame:
    rows = list(dict.fromkeys(row.name for row in results.table.rows))
    orders = {"data": results.table.data, "row": [*rows, *CONTROLS], "score": COLUMNS}
    places = {
        name: summary[name].map({key: i for i, key in enumerate(order)})
        for name, order in orders.items()
    }
    order = pd.DataFrame(places).sort_values(list(orders)).index
    return summary.loc[order].reset_index(drop=True)


def compare(results: Results) -> tuple[pd.DataFrame, list[str]]:
    """Test every row against the reference across subjects (section 4.2).

    Parameters
    ----------
    results : instance of Results
        What was measured.

    Returns
    -------
    tests : DataFrame
        One row per data set, score and system, as
        :func:`mne_brainae.compare_subjects` returns them.
    refused : list of str
        Why data sets were not tested.
    """
    tests, refused = [], []
    table = results.table
    scores = results.scores[results.scores["score"].isin(table.columns)]
    names = [row.name for row in table.rows]
    for (data, score), part in scores.groupby(["data", "score"], sort=False):
        wide = part[part["row"].isin(names)].pivot_table(
            index="subject", columns="row", values="value", sort=False
        )
        if wide.shape[1] < 2 or table.reference not in wide:
            continue
        same = wide.columns[(wide.sub(wide[table.reference], axis=0) == 0).all()]
        wide = wide.drop(columns=same.drop(table.reference))
        if len(wide) < LEAST_SUBJECTS:
            refused.append(
                f"{data}: {len(wide)} subjects; the signed-rank test needs at least "
                f"{LEAST_SUBJECTS}"
            )
        elif wide.isna().any(axis=None):
            refused.append(f"{data}, {score}: fits failed, subjects are not complete")
        elif wide.shape[1] > 1:
            found = compare_subjects(wide, table.reference)
            tests.append(
                found.rename_axis("row").reset_index().assign(data=data, score=score)
            )
    return pd.concat(tests) if tests else pd.DataFrame(), list(dict.fromkeys(refused))


def cells(summary: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Write every cell as text: measured, then published and difference in brackets.

    Parameters
    ----------
    summary : DataFrame
        What :func:`summarise` returns.
    results : instance of Results
        What was measured.

    Returns
    -------
    text : DataFrame of str
        Indexed by data set and row, one column per score.
    """
    lines = {}
    for cell in summary.itertuples():
        heading, digits = COLUMNS[cell.score]
        why = results.absent.get((cell.data, cell.row), "failed")
        own = _number(cell.mean, cell.sd, digits)
        if not own and cell.row not in CONTROLS:
            own = why
        printed = _number(cell.published, cell.published_sd, digits)
        if printed and np.isfinite(cell.difference):
            printed += f"; {cell.difference:+.{digits}f}"
        text = f"{own} [{printed}]" if printed else own
        lines.setdefault((cell.data, cell.row), {})[heading] = text
    headings = [heading for heading, _ in COLUMNS.values()]
    table = pd.DataFrame(lines).T.rename_axis(["data", "row"])
    return table[[h for h in headings if h in table]].fillna("")


def _number(mean: float, sd: float, digits: int) -> str:
    if not np.isfinite(mean):
        return ""
    if mean and abs(mean) < 10.0**-digits:
        text, spread = f"{mean:.2g}", f"{sd:.2g}"
    else:
        text, spread = f"{mean:.{digits}f}", f"{sd:.{digits}f}"
    return f"{text} ± {spread}" if np.isfinite(sd) else text


def legend(results: Results) -> list[str]:
    """Return what a reader of the table must know.

    Parameters
    ----------
    results : instance of Results
        What was measured.

    Returns
    -------
    lines : list of str
        Sentences.
    """
    lines = [
        "Measured: mean ± sd over subjects, after the mean over seeds; in brackets "
        "[published; difference]."
    ]
    for name, data in results.protocol["data"].items():
        if data["simulated"]:
            lines.append(
                f"{name}: SIMULATED, not recorded; it cannot be compared with the "
                "published values, and no difference is given."
            )
        n_seeds, n = len(results.protocol["seeds"]), len(data["subjects"])
        lines.append(
            f"{name}: {n} subjects, {n_seeds} seeds, image encoder "
            f"{', '.join(data['image encoder'])}."
        )
    _, refused = compare(results)
    lines += [f"Not tested, {why}." for why in refused]
    lines += [f"FAILED: {fit}: {error}" for fit, error in results.failures.items()]
    return lines


def to_markdown(text: pd.DataFrame, caption: str, lines: list[str]) -> str:
    """Write the table in Markdown.

    Parameters
    ----------
    text : DataFrame of str
        The cells.
    caption : str
        The heading.
    lines : list of str
        The legend.

    Returns
    -------
    text : str
        The document.
    """
    head, *body = _grid(text)
    rows = [head, ["---"] * len(head), *body]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"# {caption}\n\n{table}\n\n" + "\n\n".join(lines) + "\n"


def to_html(text: pd.DataFrame, caption: str, lines: list[str]) -> str:
    """Write the table as a web page.

    Parameters
    ----------
    text : DataFrame of str
        The cells.
    caption : str
        The heading.
    lines : list of str
        The legend.

    Returns
    -------
    text : str
        The page.
    """

    def row(values: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(v)}</{tag}>" for v in values)

    head, *body = _grid(text)
    rows = "\n".join([row(head, "th"), *(row(values, "td") for values in body)])
    below = "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)
    title = html.escape(caption)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"\n<style>table{{border-collapse:collapse}}td,th{{padding:.3em .8em;"
        f"text-align:left;border-bottom:1px solid #ccc}}</style>\n<h1>{title}</h1>\n"
        f"<table>\n{rows}\n</table>\n{below}\n</html>\n"
    )


def to_latex(text: pd.DataFrame, caption: str, lines: list[str]) -> str:
    """Write the table in LaTeX, for the package booktabs.

    Parameters
    ----------
    text : DataFrame of str
        The cells.
    caption : str
        The caption.
    lines : list of str
        The legend, which becomes comments.

    Returns
    -------
    text : str
        The environment ``table``.
    """
    special = {c: f"\\{c}" for c in "%_&#$"} | {"±": r"$\pm$"}
    head, *body = [
        " & ".join(cell.translate(str.maketrans(special)) for cell in row) + r" \\"
        for row in _grid(text)
    ]
    columns = "l" * (text.shape[1] + 2)
    comments = "\n".join(f"% {line}" for line in " ".join(lines).splitlines())
    return "\n".join(
        [
            comments,
            r"\begin{table}",
            rf"\caption{{{caption.translate(str.maketrans(special))}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _grid(text: pd.DataFrame) -> list[list[str]]:
    flat = text.reset_index()
    return [list(flat.columns), *flat.to_numpy().tolist()]


def write(results: Results, folder: str | Path) -> list[Path]:
    """Write the table and all that it comes from.

    Parameters
    ----------
    results : instance of Results
        What was measured.
    folder : path-like
        Where the files go.

    Returns
    -------
    files : list of Path
        ``scores.csv`` has one line per fit and score, ``summary.csv`` one per cell,
        ``tests.csv`` the signed-rank tests, ``protocol.json`` protocol, versions and
        failures, and ``table.md``, ``table.html`` and ``table.tex`` the table.
    """
    folder = Path(folder)
    summary, lines = summarise(results), legend(results)
    text, caption = cells(summary, results), _caption(results)
    tests, refused = compare(results)
    protocol = results.protocol | {
        "not tested": refused,
        "failures": results.failures,
        "not fitted": {", ".join(key): why for key, why in results.absent.items()},
        "versions": {name: version(name) for name in PACKAGES},
    }
    contents = {
        "scores.csv": results.scores.to_csv(index=False),
        "summary.csv": summary.to_csv(index=False),
        "tests.csv": tests.to_csv(index=False),
        "protocol.json": json.dumps(protocol, indent=1),
        "table.md": to_markdown(text, caption, lines),
        "table.html": to_html(text, caption, lines),
        "table.tex": to_latex(text, caption, lines),
    }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, "utf-8")
    return [folder / name for name in contents]


def _caption(results: Results) -> str:
    number = results.table.name.removeprefix("table")
    simulated = any(d["simulated"] for d in results.protocol["data"].values())
    return f"Table {number}: {results.table.caption}" + ", SIMULATED" * simulated
