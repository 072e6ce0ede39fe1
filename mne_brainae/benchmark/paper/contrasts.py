"""The contrasts of section 4.3.1: aligned against not, visual against all channels."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from scipy.stats import wilcoxon

from ...scoring.encoding import LEAST_SUBJECTS
from ...utils.checks import counted
from .runner import Results
from .scores import COLUMNS

#: Rows that are compared in every score, and scores that are compared in every row.
ROWS = (("linear + alignment", "linear"), ("nonlinear + alignment", "nonlinear"))
SCORES = (("r visual", "r all"),)


def contrasts(results: Results) -> pd.DataFrame:
    """Test across subjects what the paper says of alignment and of channels.

    Parameters
    ----------
    results : instance of Results
        What was measured.

    Returns
    -------
    table : DataFrame, shape (n_contrasts, 6)
        ``data``, ``what`` against ``against``, mean ``difference`` over ``n_subjects``,
        and ``p`` of the two-sided signed-rank test; NaN with fewer than six subjects.
        Rows or scores that the table lacks are left out.
    """
    found = [
        {"data": data, "what": what, "against": against} | _test(difference)
        for data, scores in results.scores.groupby("data", sort=False)
        for what, against, difference in _differences(scores, results.table.columns)
    ]
    columns = ["data", "what", "against", "difference", "n_subjects", "p"]
    return pd.DataFrame(found, columns=columns)


def _differences(scores: pd.DataFrame, columns) -> Iterator[tuple]:
    """Yield two names and the difference of every subject that has both."""
    wide = scores.pivot_table(
        index="subject", columns=["row", "score"], values="value", sort=False
    )
    pairs = [
        ((one, score), (other, score))
        for one, other in ROWS
        for score in columns
        if not score.startswith("mse")  # in units that differ between subjects
    ]
    rows = scores["row"].unique()
    in_rows = {name for pair in ROWS for name in pair}
    pairs += [
        ((row, one), (row, other))
        for row in rows
        if row in in_rows
        for one, other in SCORES
    ]
    for one, other in pairs:
        if one in wide and other in wide:
            difference = (wide[one] - wide[other]).dropna()
            if len(difference):
                yield _words(one), _words(other), difference


def _words(cell: tuple[str, str]) -> str:
    row, score = cell
    return f"{row}, {COLUMNS[score][0]}"


def _test(difference: pd.Series) -> dict:
    n_subjects = len(difference)
    p = float("nan")
    if n_subjects >= LEAST_SUBJECTS and difference.any():
        p = float(wilcoxon(difference).pvalue)
    return {"difference": difference.mean(), "n_subjects": n_subjects, "p": p}


def in_words(table: pd.DataFrame) -> list[str]:
    """Write contrasts as lines of a legend.

    Parameters
    ----------
    table : DataFrame
        What :func:`contrasts` returns.

    Returns
    -------
    lines : list of str
        One line for every contrast.
    """
    return [
        f"{row.data}: {row.what} against {row.against}: {row.difference:+.3f}, "
        + (
            f"p = {row.p:.2g} (signed ranks of {counted(row.n_subjects, 'subject')})"
            if row.p == row.p
            else f"{counted(row.n_subjects, 'subject')}, not tested"
        )
        for row in table.itertuples()
    ]
