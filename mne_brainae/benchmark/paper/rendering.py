"""A table of results beside the published values, in four forms."""

# License: BSD-3-Clause

from __future__ import annotations

import html
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from ...utils.checks import counted
from ...utils.files import replacing
from ...utils.tables import as_latex
from .contrasts import contrasts, in_words
from .runner import Results
from .scores import COLUMNS, CONTROLS
from .spec import SubjectTable
from .summary import compare, summarize

PACKAGES = ("mne_brainae", "mne", "numpy", "scipy", "scikit-learn", "torch")


def cells(summary: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Write every cell as text: measured, then published and difference in brackets.

    Parameters
    ----------
    summary : DataFrame
        What :func:`mne_brainae.benchmark.paper.summary.summarize` returns.
    results : instance of Results
        What was measured.

    Returns
    -------
    text : DataFrame of str
        Indexed by data set and row, one column per score; or, by subject, indexed by
        row and score, one column per subject.
    """
    lines = {}
    for cell in summary.itertuples():
        heading, digits = COLUMNS[cell.score]
        own = _number(cell.mean, cell.sd, digits)
        if not own and cell.row not in CONTROLS:
            own = _why_not(cell, results)
        printed = _number(cell.published, cell.published_sd, digits)
        if printed and np.isfinite(cell.difference):
            printed += f"; {cell.difference:+.{digits}f}"
        text = f"{own} [{printed}]" if printed else own
        if isinstance(results.table, SubjectTable):
            lines.setdefault((cell.row, heading), {})[cell.subject] = text
        else:
            lines.setdefault((cell.data, cell.row), {})[heading] = text
    table = pd.DataFrame(lines).T
    if isinstance(results.table, SubjectTable):
        order = summary["subject"].unique()
        table = table.rename_axis(["row", "score"])
    else:
        order = [heading for heading, _ in COLUMNS.values()]
        table = table.rename_axis(["data", "row"])
    return table[[name for name in order if name in table]].fillna("")


def _why_not(cell, results: Results) -> str:
    """Return why a cell of a row has no number of ours."""
    if why := results.absent.get((cell.data, cell.row)):
        return why
    scores = results.scores
    of_row = scores[(scores["data"] == cell.data) & (scores["row"] == cell.row)]
    if of_row.empty:
        return "failed"
    if cell.score not in set(of_row["score"]):
        return "does not apply"
    return "not run"


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
    over = "subjects, after the mean over seeds"
    if isinstance(results.table, SubjectTable):
        over = "seeds (of the mean: over subjects)"
    lines = [f"Measured: mean ± sd over {over}; in brackets [published; difference]."]
    for name, data in results.protocol["data"].items():
        if why := results.why_not_compared(name):
            lines.append(
                f"{name}: {why}; it cannot be compared with the published values, and "
                "no difference is given."
            )
        n_seeds, n = len(results.protocol["seeds"]), len(data["subjects"])
        lines.append(
            f"{name}: {counted(n, 'subject')}, {counted(n_seeds, 'seed')}, "
            f"image encoder {', '.join(data['image encoder'])}."
        )
    _, refused = compare(results)
    lines += [f"Not tested, {why}." for why in refused]
    lines += in_words(contrasts(results))
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


def to_latex(text: pd.DataFrame, summary: pd.DataFrame, results: Results) -> str:
    """Write the table in LaTeX, for the package booktabs, the best of a score bold.

    Parameters
    ----------
    text : DataFrame of str
        The cells.
    summary : DataFrame
        What :func:`mne_brainae.benchmark.paper.summary.summarize` returns.
    results : instance of Results
        What was measured.

    Returns
    -------
    text : str
        The environment ``table``, below the legend as comments.
    """
    comments = "\n".join(f"% {line}" for line in " ".join(legend(results)).splitlines())
    label = f"tab:{results.table.name}"
    table = as_latex(text, _caption(results), label, _best(text, summary, results))
    return f"{comments}\n{table}"


def _best(text: pd.DataFrame, summary, results: Results) -> pd.DataFrame:
    """Tell which cells are the best of their score, the controls left aside."""
    best = pd.DataFrame(False, text.index, text.columns)
    by_subject = isinstance(results.table, SubjectTable)
    own = summary[~summary["row"].isin(CONTROLS) & summary["mean"].notna()]
    for (_, score), cells in own.groupby(
        ["subject" if by_subject else "data", "score"]
    ):
        is_loss = score.startswith("mse") or score.endswith("time")
        cell = cells.loc[cells["mean"].idxmin() if is_loss else cells["mean"].idxmax()]
        heading = COLUMNS[score][0]
        if len(cells) < 2:
            continue
        if by_subject:
            best.loc[(cell["row"], heading), cell["subject"]] = True
        else:
            best.loc[(cell["data"], cell["row"]), heading] = True
    return best


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
        ``tests.csv`` the signed-rank tests, ``contrasts.csv`` those of section 4.3.1,
        ``protocol.json`` protocol, versions and
        failures, and ``table.md``, ``table.html`` and ``table.tex`` the table.
    """
    folder = Path(folder)
    summary, lines = summarize(results), legend(results)
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
        "contrasts.csv": contrasts(results).to_csv(index=False),
        "protocol.json": json.dumps(protocol, indent=1),
        "table.md": to_markdown(text, caption, lines),
        "table.html": to_html(text, caption, lines),
        "table.tex": to_latex(text, summary, results),
    }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, "utf-8")
    return [folder / name for name in contents]


def _caption(results: Results) -> str:
    number = results.table.name.removeprefix("table")
    simulated = any(d["simulated"] for d in results.protocol["data"].values())
    return f"Table {number}: {results.table.caption}" + ", SIMULATED" * simulated
