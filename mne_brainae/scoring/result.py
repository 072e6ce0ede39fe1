"""What all results have in common: a table, a plot, and the protocol behind them."""

# License: BSD-3-Clause

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from html import escape

import pandas as pd

from ..utils.tables import as_text

#: Longer tables are shortened to this many rows, half of them from the end.
MOST_ROWS = 20
#: The entry of a protocol that counts test images which the model was fitted on.
SEEN = "test images seen in fit"


class Result(ABC):
    """A result that carries its protocol, and writes itself as text and as HTML.

    The base of the dataclasses that the functions ``score_...``, ``compare_...`` and
    ``occlude_...`` return. It cannot be made by itself.

    Attributes
    ----------
    table : DataFrame
        The scores, where the result has no other numbers.
    protocol : dict
        How the result came about, in the order in which it is written: for example
        gallery, templates, repetitions averaged, channels, window and seed.

    See Also
    --------
    mne_brainae.EncodingScores
    mne_brainae.Identification

    Examples
    --------
    >>> found = model.retrieve(averaged, unseen)
    >>> isinstance(found, mne_brainae.Result)
    True
    >>> found.protocol["gallery"]
    '8 images'
    """

    table: pd.DataFrame
    protocol: dict

    def __post_init__(self):
        self.protocol = dict(self.protocol)  # or two results could share one

    @property
    @abstractmethod
    def _title(self) -> str:
        """What was scored, in one line."""

    def _summary(self) -> pd.DataFrame:
        """Return the scores that text and HTML show, beside chance or baseline."""
        return self.to_data_frame()

    def _pictures_html(self) -> str:
        """Return small images, for results that have some."""
        return ""

    def to_data_frame(self) -> pd.DataFrame:
        """Return the scores as a table.

        Returns
        -------
        table : DataFrame, shape (n_rows, n_columns)
            A copy, with the rows and columns that the class describes.

        Examples
        --------
        >>> found.to_data_frame().columns.tolist()[:2]
        ['truth', 'predicted']
        """
        return self.table.copy()

    @abstractmethod
    def plot(self, *, show: bool = True):
        """Plot the scores, beside chance or baseline where there is one.

        Parameters
        ----------
        show : bool
            Whether to show the figure.

        Returns
        -------
        fig : instance of Figure
            The figure.

        Examples
        --------
        >>> fig = scores.plot(show=False)
        """

    def __repr__(self) -> str:
        table = self._summary()
        table = as_text(
            table.map(_written),
            max_rows=MOST_ROWS,
            index=_has_names(table),
            sparsify=False,
        )
        lines = [f"<{type(self).__name__} | {self._title}", table]
        lines += [f"  {key}: {value}" for key, value in self.protocol.items()]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        table = self._summary()
        table = table.map(_written).to_html(
            max_rows=MOST_ROWS, index=_has_names(table), border=0, escape=True
        )
        rows = "".join(
            f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>"
            for key, value in self.protocol.items()
        )
        return (
            f"<div><p><b>{type(self).__name__}</b>: {escape(self._title)}</p>{table}"
            f"{self._pictures_html()}<details><summary>Protocol</summary><table><tbody>{rows}</tbody></table>"
            "</details></div>"
        )


def _written(value) -> str:
    """Write a number with three digits, and nothing for a missing one."""
    if pd.isna(value):
        return ""
    # Adding zero makes 0 of -0.
    return f"{value + 0.0:.3g}" if isinstance(value, float) else str(value)


def _has_names(table: pd.DataFrame) -> bool:
    return not isinstance(table.index, pd.RangeIndex)


def pooled_protocol(protocols: Iterable[dict]) -> dict:
    """Return what several protocols have in common, and the flaws of single parts.

    Parameters
    ----------
    protocols : iterable of dict
        The protocols of parts that are pooled, one at least.

    Returns
    -------
    protocol : dict
        The common entries. Test images seen in fit are added up over the parts, and a
        score of one part that looked at its whole test batch is said.
    """
    protocols = list(protocols)
    pooled = common_protocol(protocols)
    n_parts = len(protocols)
    counts = [protocol.get(SEEN) for protocol in protocols]
    if any(count is not None for count in counts):
        pooled[SEEN] = sum(count or 0 for count in counts)
    ways = [protocol.get("transductive") or False for protocol in protocols]
    if any(ways) and "transductive" not in pooled:
        said = "; ".join(dict.fromkeys(str(way) for way in ways if way))
        n_used = sum(bool(way) for way in ways)
        pooled["transductive"] = f"{said} ({n_used} of {n_parts} parts)"
    return pooled


def common_protocol(protocols: Iterable[dict]) -> dict:
    """Return the entries on which several protocols agree.

    Parameters
    ----------
    protocols : iterable of dict
        The protocols, one at least.

    Returns
    -------
    protocol : dict
        The common entries, in the order of the first protocol.
    """
    first, *others = protocols
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }
