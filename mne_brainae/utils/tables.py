"""Tables as text that fits a terminal, and as LaTeX."""

# License: BSD-3-Clause

from __future__ import annotations

import pandas as pd

#: Columns of a terminal that a table fits in; further columns of the table go below.
LINE_WIDTH = 100


def as_text(table: pd.DataFrame, **options) -> str:
    """Write a table for a terminal.

    Parameters
    ----------
    table : DataFrame
        The table.
    **options
        What :meth:`pandas.DataFrame.to_string` takes.

    Returns
    -------
    text : str
        The table, of at most 100 columns: those of the table that do not fit stand
        below the others, with the index again.
    """
    return table.to_string(**{"line_width": LINE_WIDTH} | options)


def as_latex(
    text: pd.DataFrame, caption: str, label: str, best: pd.DataFrame | None = None
) -> str:
    """Write a table of text in LaTeX, for the package booktabs.

    Parameters
    ----------
    text : DataFrame of str
        The cells.
    caption, label : str
        What stands above the table, and what it is referred to by.
    best : DataFrame of bool | None
        Which cells are bold; None is none.

    Returns
    -------
    text : str
        The environment ``table``.
    """
    style = text.style.format(escape="latex")
    for axis in ("index", "columns"):
        style = style.format_index(escape="latex", axis=axis)
    if best is not None:
        bold = best.map(lambda is_best: "textbf:--rwrap;" if is_best else "")
        style = style.apply(lambda _: bold, axis=None)
    # The names of the levels are no cells, which the style would escape.
    style.index.names = [
        str(name or "").replace("_", r"\_") for name in text.index.names
    ]
    escaped = caption.translate(str.maketrans({c: f"\\{c}" for c in "%_&#$"}))
    found = style.to_latex(
        hrules=True,
        caption=escaped,
        label=label,
        position="tbp",
        position_float="centering",
        column_format="l" * text.index.nlevels + "r" * text.shape[1],
        multirow_align="t",
        clines=None,
    )
    return found.replace("±", r"$\pm$")
