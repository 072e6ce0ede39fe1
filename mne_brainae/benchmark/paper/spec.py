"""What a table is: rows that can be fitted, columns, and published values."""

# License: BSD-3-Clause

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from ...models.model import Model
from ...models.recipes import RECIPES, known_params, make_model
from ...models.systems import encoding_systems
from ...nn.encoders import BRAIN_ENCODERS

NOT_BUILT, MEAN = "not built", "mean"
_NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """One system on one data set.

    Parameters
    ----------
    name : str
        The name in the paper.
    published : str
        The published values in the order of the columns, ``mean±sd`` or ``mean``; ``-``
        where there is none.
    data : str
        The data set, by its name in :mod:`mne_brainae.datasets`.
    settings : dict
        Parameters that differ from the recipe, by their bare names.
    recipe : str
        The recipe; one that does not exist marks a system that is not built.
    system : str | None
        A name of :func:`mne_brainae.encoding_systems`, instead of a recipe.
    image_encoder : str | None
        The image encoder; None is the one of the run.
    needs : str | None
        A module that must be installed, with the extra that brings it in brackets.
    least_images : int
        How many images the system needs.
    """

    name: str
    published: str
    data: str = "things_eeg2"
    settings: Mapping = field(default_factory=dict)
    recipe: str = "paper"
    system: str | None = None
    image_encoder: str | None = None
    needs: str | None = None
    least_images: int = 0

    @property
    def key(self) -> str:
        """The name as a part of file names."""
        return re.sub(r"[^\w.+-]+", "_", self.name).strip("_")

    def lack(self) -> str:
        """Return why the row cannot be fitted, or an empty text."""
        encoder = self.settings.get("brain_encoder", "tsconv")
        if self.recipe not in RECIPES or encoder not in BRAIN_ENCODERS:
            return NOT_BUILT
        if self.needs is None:
            return ""
        module, extra = re.fullmatch(r"(\w+)\[(\w+)\]", self.needs).groups()
        if find_spec(module) is None:
            return f"needs mne_brainae[{extra}]"
        return ""

    def model(self, params: Mapping) -> Model:
        """Return the system, not yet fitted.

        Parameters
        ----------
        params : dict
            What the rows of a run have different from their recipes, where they can.

        Returns
        -------
        model : instance of Model
            The system.
        """
        if self.system is not None:
            return encoding_systems(**params, **self.settings)[self.system]
        model = make_model(self.recipe, **dict(self.settings))
        known = known_params(model, dict(params))
        if getattr(model, "image_projection", None) == "identity":
            known.pop("n_embedding", None)  # the features are the space
        return make_model(self.recipe, **known | dict(self.settings))


@dataclass(frozen=True)
class Table:
    """A table of the paper.

    Parameters
    ----------
    name : str
        The name of the command, such as ``"table4"``.
    caption : str
        What it shows.
    columns : tuple of str
        The scores, by their names in
        :data:`mne_brainae.benchmark.paper.scores.COLUMNS`.
    rows : tuple of Row
        The rows, in the order of the paper.
    reference : str
        The row that the others are tested against, and whose shuffled twin is the
        control.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    reference: str

    @property
    def data(self) -> list[str]:
        """The data sets, in order."""
        return list(dict.fromkeys(row.data for row in self.rows))

    @property
    def fits(self) -> str:
        """The name of the table whose fits these are."""
        return self.name

    def published(self, row: Row) -> dict[str, tuple[float, float]]:
        """Return the published mean and standard deviation of every column.

        Parameters
        ----------
        row : Row
            One of the rows.

        Returns
        -------
        values : dict of tuple
            NaN stands for what was not published.
        """
        words = self._words(row, row.published, len(self.columns))
        return {c: _number(word) for c, word in zip(self.columns, words, strict=True)}

    def _words(self, row: Row, line: str, n: int) -> list[str]:
        words = line.split()
        if len(words) != n:
            raise ValueError(
                f"{self.name}, row {row.name!r}: expected {n} published values, got "
                f"{len(words)}."
            )
        return words


@dataclass(frozen=True)
class SubjectTable(Table):
    """The fits of another table, subject by subject.

    Parameters
    ----------
    name, caption, columns, rows, reference : str | tuple
        As in :class:`Table`.
    source : str
        The table whose rows and fits these are.
    subjects : tuple of str
        The subjects in the order of the paper, without leading zeros.
    printed : dict of tuple of str
        By row, one line of published values for every two columns, as the paper prints
        them: both values of a subject side by side, those of the mean last. An empty
        line is what was not published.
    """

    source: str
    subjects: tuple[str, ...]
    printed: Mapping[str, tuple[str, ...]]

    @property
    def fits(self) -> str:
        """The name of the table whose fits these are."""
        return self.source

    def published(self, row: Row) -> dict[str, tuple[float, float]]:
        """Return the published mean of every column.

        Parameters
        ----------
        row : Row
            One of the rows.

        Returns
        -------
        values : dict of tuple
            Mean and NaN: these tables have no standard deviation.
        """
        found = self.published_by_subject(row)
        return {c: (found.get((c, MEAN), _NAN), _NAN) for c in self.columns}

    def published_by_subject(self, row: Row) -> dict[tuple[str, str], float]:
        """Return the published values of a row.

        Parameters
        ----------
        row : Row
            One of the rows.

        Returns
        -------
        values : dict of float
            By column and subject, of which ``"mean"`` is one. What was not published
            is not in it.
        """
        values = {}
        of = (*self.subjects, MEAN)
        for i, line in enumerate(self.printed[row.name]):
            pair = self.columns[2 * i : 2 * i + 2]
            keys = [(column, subject) for subject in of for column in pair]
            if line:
                words = self._words(row, line, len(keys))
                values |= dict(zip(keys, map(float, words), strict=True))
        return values


def _number(word: str) -> tuple[float, float]:
    mean, _, sd = word.replace("-±", "").partition("±")
    return (_NAN, _NAN) if mean == "-" else (float(mean), float(sd) if sd else _NAN)
