"""Scores of a long study, kept in a file as they are found."""

# License: BSD-3-Clause

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from ...utils.checks import logger
from ...utils.files import replacing


class Kept:
    """Rows of scores by name, which a file keeps, so that a study can be resumed.

    Parameters
    ----------
    path : path-like | None
        The CSV file; its first line holds the settings. None keeps nothing.
    keys : list of str
        What names a row.
    settings : dict
        What the scores depend on. A file of other settings is a ValueError.
    """

    def __init__(self, path: Path | None, keys: list[str], settings: dict):
        self.path = None if path is None else Path(path)
        self.keys = keys
        self.settings = "# " + json.dumps(settings)
        self.table = pd.DataFrame()
        if self.path is not None and self.path.exists():
            self.table = self._read()

    def _read(self) -> pd.DataFrame:
        with self.path.open(encoding="utf-8") as file:
            found = file.readline().rstrip("\n")
            if found != self.settings:
                raise ValueError(
                    f"{self.path} holds the scores of other settings ({found[2:]}; "
                    f"these are {self.settings[2:]}). Give another file."
                )
            table = pd.read_csv(file).set_index(self.keys)
        logger.info(f"{self.path} already holds {len(table)} rows of scores.")
        return table

    def __contains__(self, key: tuple) -> bool:
        """Whether the scores of this name are there."""
        return key in self.table.index

    def add(self, key: tuple, scores: dict[str, float]) -> None:
        """Add a row, and write the file.

        Parameters
        ----------
        key : tuple
            Its name.
        scores : dict of float
            The scores.
        """
        row = pd.DataFrame([dict(zip(self.keys, key, strict=True)) | scores])
        self.table = pd.concat([self.table, row.set_index(self.keys)])
        logger.info(
            f"{', '.join(map(str, key))}: "
            + ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        )
        if self.path is not None:
            text = self.table.reset_index().to_csv(index=False)
            with replacing(self.path) as temporary:
                temporary.write_text(f"{self.settings}\n{text}", encoding="utf-8")
