"""What a table says in numbers: means, spreads, differences and tests."""

# License: BSD-3-Clause

from __future__ import annotations

import pandas as pd

from ...scoring.encoding import LEAST_SUBJECTS, compare_subjects
from ...utils.checks import counted
from .runner import Results
from .scores import COLUMNS, CONTROLS
from .spec import MEAN, SubjectTable, Table


def summarize(results: Results) -> pd.DataFrame:
    """Average over seeds, then over subjects, beside what was published.

    Parameters
    ----------
    results : instance of Results
        What was measured.

    Returns
    -------
    summary : DataFrame, shape (n_cells, n_columns)
        Columns ``data``, ``row``, ``score``, ``mean``, ``sd`` (over subjects),
        ``n_subjects``, ``n_seeds``, ``published``, ``published_sd`` and ``difference``,
        which is NaN for simulated data and other settings than the paper's. Rows that
        were not fitted are in it, without numbers of ours. A table by subject has the
        column ``subject``, too, of which ``"mean"`` is one; of the others, ``sd`` is
        over seeds.
    """
    keys = ["data", "row", "score"]
    values = results.scores.astype({"value": float})
    by_subject = values.groupby([*keys, "subject"], sort=False)["value"].mean()
    found = by_subject.groupby(level=keys).agg(mean="mean", sd="std", n_subjects="size")
    found["n_seeds"] = values.groupby(keys)["seed"].nunique()
    table = results.table
    published = {
        (row.data, row.name, score): value
        for row in table.rows
        for score, value in table.published(row).items()
    }
    printed = pd.DataFrame(published, index=["published", "published_sd"]).T
    summary = found.join(printed.rename_axis(keys), how="outer").reset_index()
    if isinstance(table, SubjectTable):
        subjects = _of_subjects(values, table)
        summary = pd.concat([subjects, summary.assign(subject=MEAN)])
    comparable = summary["data"].map(lambda name: not results.why_not_compared(name))
    difference = summary["mean"] - summary["published"]
    summary["difference"] = difference.where(comparable)
    return _in_order(summary.reset_index(drop=True), table)


def _of_subjects(values: pd.DataFrame, table: SubjectTable) -> pd.DataFrame:
    """Average over seeds, beside what was published of every subject."""
    keys = ["data", "row", "score", "subject"]
    values = values.assign(subject=values["subject"].str.lstrip("0"))
    scores = values.groupby(keys)["value"]
    found = scores.agg(mean="mean", sd="std", n_seeds="size").assign(n_subjects=1)
    published = {
        (row.data, row.name, *key): value
        for row in table.rows
        for key, value in table.published_by_subject(row).items()
        if key[-1] != MEAN
    }
    printed = pd.Series(published, name="published").rename_axis(keys)
    return found.join(printed, how="outer").reset_index()


def _in_order(summary: pd.DataFrame, table: Table) -> pd.DataFrame:
    rows = list(dict.fromkeys(row.name for row in table.rows))
    orders = {"data": table.data, "row": [*rows, *CONTROLS], "score": COLUMNS}
    if isinstance(table, SubjectTable):
        others = summary["subject"][summary["subject"] != MEAN]
        orders["subject"] = dict.fromkeys([*table.subjects, *others, MEAN])
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
        One row per data set, score and system, as the table of
        :class:`mne_brainae.SubjectComparison` has them.
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
        found, why = compare_columns(wide, table.reference)
        if why:
            refused.append(f"{data}: {why}")
        else:
            tests.append(found.assign(data=data, score=score))
    return pd.concat(tests) if tests else pd.DataFrame(), list(dict.fromkeys(refused))


def compare_columns(wide: pd.DataFrame, reference: str) -> tuple[pd.DataFrame, str]:
    """Test every column against one across subjects, where that can be done.

    Parameters
    ----------
    wide : DataFrame, shape (n_subjects, n_columns)
        One score per subject and column.
    reference : str
        The column that the others are tested against.

    Returns
    -------
    tests : DataFrame
        One row per other column, named in ``row``; equal ones are left out.
    why_not : str
        Why there is no test, or an empty text.
    """
    same = wide.columns[(wide.sub(wide[reference], axis=0) == 0).all()]
    # The reference equals itself, but not where a fit of it failed.
    wide = wide.drop(columns=same.difference([reference]))
    if len(wide) < LEAST_SUBJECTS:
        return pd.DataFrame(), (
            f"{counted(len(wide), 'subject')}; the signed-rank test needs at least "
            f"{LEAST_SUBJECTS}"
        )
    if wide.isna().any(axis=None):
        return pd.DataFrame(), "fits failed, subjects are not complete"
    if wide.shape[1] == 1:
        return pd.DataFrame(), ""
    return compare_subjects(wide, reference).table.rename_axis("row").reset_index(), ""
