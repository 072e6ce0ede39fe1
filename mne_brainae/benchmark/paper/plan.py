"""The fits that a table asks for, and those that are done."""

# License: BSD-3-Clause

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ...images.built_in import BUILT_IN
from ...many import name_of_fit
from .recordings import LEAST_OTHERS
from .runner import TIMES, replace_name
from .scores import OTHERS, SHUFFLED
from .spec import Row, Table


@dataclass
class Plan:
    """The fits of one data set.

    Parameters
    ----------
    lacks : dict of str
        Why a row or control is not fitted, by its name; an empty text where it is.
    n_subjects, n_seeds : int
        Fits of every row are of each subject by each seed.
    done : list of Path
        The results of these fits that are there.
    """

    lacks: dict[str, str]
    n_subjects: int
    n_seeds: int
    done: list[Path]

    @property
    def n_fits(self) -> int:
        """The number of fits."""
        n_rows = sum(not why for why in self.lacks.values())
        return n_rows * self.n_subjects * self.n_seeds

    @property
    def seconds(self) -> float | None:
        """What a fit has taken here; None before the first."""
        if not self.done:
            return None
        rows = [json.loads(file.read_text())["row"] for file in self.done]
        return sum(row["seconds"] for row in rows) / len(rows)


def plan_fits(
    table: Table,
    name: str,
    *,
    subjects: list[str],
    n_seeds: int,
    encoders: list[str],
    folder: Path,
    shuffled: bool,
    cross_subject: bool,
) -> Plan:
    """Return what :func:`.runner.run_table` fits of a data set.

    Parameters
    ----------
    table : instance of Table
        The table.
    name : str
        The data set.
    subjects : list of str
        The subjects.
    n_seeds : int
        How many seeds.
    encoders : list of str
        The image encoders of the data set.
    folder : Path
        The folder of the fits.
    shuffled, cross_subject : bool
        Which controls are fitted.

    Returns
    -------
    plan : instance of Plan
        The fits.
    """
    rows = [row for row in table.rows if row.data == name]
    lacks = {row.name: _lack(row, encoders) for row in rows}
    reference = [row for row in rows if row.name == table.reference]
    fitted = {"rows": [row for row in rows if not lacks[row.name]]}
    if reference and set(table.columns) - set(TIMES):
        others = cross_subject and len(subjects) >= LEAST_OTHERS
        controls = {"shuffled": [SHUFFLED] * shuffled, "others": [OTHERS] * others}
        for what, names in controls.items():
            lacks |= dict.fromkeys(names, "")
            fitted[what] = [replace_name(reference[0], each) for each in names]
    files = {
        folder / f"{name}_{encoder}_{what}" / f"{name_of_fit(*fit)}.json"
        for what, some in fitted.items()
        for row in some
        for encoder in encoders
        for fit in product(map(str, subjects), [row.key], range(n_seeds))
    }
    done = sorted(file for file in files if file.exists())
    return Plan(lacks, len(subjects), n_seeds, done)


def _lack(row: Row, encoders: list[str]) -> str:
    why = row.lack()
    if not why and row.image_encoder not in (None, *encoders):
        what = "" if row.image_encoder in BUILT_IN else "the weights of "
        why = f"needs recordings and {what}{row.image_encoder}"
    return why
