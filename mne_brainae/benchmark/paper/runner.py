"""Run a table: every fit by ``fit_many``, every score in one long table."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...many import fit_many
from .recordings import LEAST_OTHERS, Recording, fitted_to_others
from .scores import (
    COLUMNS,
    OTHERS,
    SHUFFLED,
    SINGLE,
    Scorer,
)
from .spec import Row, Table

#: Scores that are never twice the same.
TIMES = ("training time", "test time")
SETTINGS = "settings that differ from the recipes"
LONG = ["data", "row", "subject", "seed", "score", "value"]


@dataclass
class Results:
    """What a run of a table measured.

    Parameters
    ----------
    table : Table
        The table.
    scores : DataFrame, shape (n_scores, 6)
        One row per data set, row, subject, seed and score.
    failures : dict of str
        What went wrong, by fit.
    absent : dict of str
        Why a row was not fitted, by ``(data, row)``.
    protocol : dict
        How the scores came about.
    """

    table: Table
    scores: pd.DataFrame
    failures: dict[str, str]
    absent: dict[tuple[str, str], str]
    protocol: dict

    def why_not_compared(self, data: str) -> str:
        """Return why results cannot be compared with published ones.

        Parameters
        ----------
        data : str
            The data set.

        Returns
        -------
        reason : str
            An empty text if they can.
        """
        if self.protocol["data"].get(data, {}).get("simulated"):
            return "SIMULATED, not recorded"
        if self.protocol["data"].get(data, {}).get("preprocessed"):
            return "preprocessed by the authors of the data, and not as the paper says"
        settings = self.protocol[SETTINGS]
        if settings:
            return f"settings that are not the paper's ({', '.join(settings)})"
        return ""


def run_table(
    table: Table,
    recordings: Iterable[Recording],
    *,
    folder: str | Path,
    seeds: Iterable[int] = range(5),
    params: Mapping | None = None,
    shuffled: bool = True,
    cross_subject: bool = False,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Results:
    """Fit and score the rows of a table.

    Parameters
    ----------
    table : Table
        The table.
    recordings : iterable of Recording
        The data sets, one per image encoder that the rows ask for.
    folder : path-like
        Where the results of fits are kept. Called again, what is done is not done
        again.
    seeds : iterable of int
        The seeds; the paper has five.
    params : dict | None
        What all rows have different from their recipes.
    shuffled : bool
        Whether the reference is fitted to shuffled images, too.
    cross_subject : bool
        Whether it is fitted to all other subjects, too, of data sets with three or
        more that have the same channels.
    n_jobs : int | None
        How many processes.
    overwrite : bool
        Whether results of other data or settings are replaced.

    Returns
    -------
    results : instance of Results
        Fits that failed are in ``failures``, with a warning each, and nowhere else.
    """
    seeds, params, folder = list(seeds), dict(params or {}), Path(folder)
    given = {
        "seeds": seeds,
        "n_jobs": n_jobs,
        "overwrite": overwrite,
        "keep_models": False,
        "on_error": "warn",
    }
    long, failures = [pd.DataFrame(columns=LONG)], {}
    recordings = list(recordings)
    for recording in recordings:
        rows = rows_of(table, recording)
        given_features = recording.features
        tasks = [(rows, recording.train, given_features, "rows")]
        reference = [row for row in rows if row.name == table.reference]
        if reference and set(table.columns) - set(TIMES):
            wrong = recording.shuffled()
            twin = [replace_name(reference[0], SHUFFLED)]
            other = [replace_name(reference[0], OTHERS)]
            if shuffled:
                tasks.append((twin, recording.train, wrong, "shuffled"))
            if cross_subject and len(recording.train) >= LEAST_OTHERS:
                others = fitted_to_others(recording)
                tasks.append((other, others, given_features, "others"))
        for some, train, features, what in tasks:
            fits = fit_many(
                train,
                features,
                folder=folder / f"{recording.name}_{recording.encoder}_{what}",
                settings={row.key: row.model(params) for row in some},
                score=Scorer(recording, table.columns),
                **given,
            )
            failures |= _failures(fits, recording)
            part = _long(fits, some, recording, table)
            if what != "rows":  # controls are those of the rows
                part = part[part["row"].isin([row.name for row in some])]
            long.append(part)
    scores = pd.concat([part for part in long if len(part)] or long)
    return Results(
        table,
        scores.reset_index(drop=True),
        failures,
        _absent(table, recordings),
        {
            "table": table.name,
            "data": describe(recordings),
            "seeds": seeds,
            SETTINGS: {name: str(value) for name, value in params.items()},
        },
    )


def replace_name(row: Row, name: str) -> Row:
    """Return the same system under another name, with nothing published.

    Parameters
    ----------
    row : Row
        The system.
    name : str
        Its new name.

    Returns
    -------
    row : Row
        The system.
    """
    return Row(name, "", row.data, row.settings, row.recipe, row.system)


def rows_of(table: Table, recording: Recording) -> list[Row]:
    """Return the rows that can be fitted to a recording.

    Parameters
    ----------
    table : Table
        The table.
    recording : instance of Recording
        The recording, with the features of one image encoder.

    Returns
    -------
    rows : list of Row
        Rows of other data sets and other image encoders are left out.
    """
    return [
        row
        for row in table.rows
        if row.data == recording.name
        and _sees_by(row, recording)
        and len(recording.features) >= row.least_images
        and not row.lack()
    ]


def _sees_by(row: Row, recording: Recording) -> bool:
    if row.image_encoder is None:
        return recording.is_default
    return row.image_encoder == recording.encoder


def _failures(fits: pd.DataFrame, recording: Recording) -> dict[str, str]:
    if "error" not in fits:
        return {}
    failed = fits[fits["error"].notna()]
    return {
        f"{recording.name}, {fit.setting}, subject {fit.subject}, seed {fit.seed}": (
            fit.error
        )
        for fit in failed.itertuples()
    }


def _long(fits, rows: list[Row], recording: Recording, table: Table) -> pd.DataFrame:
    """Return one row per score; those of controls become rows of their own."""
    names = {row.key: row.name for row in rows}
    fits = fits.assign(**{"training time": fits.get("seconds", np.nan) / 60})
    scores = set(COLUMNS) - (set(TIMES) - set(table.columns))
    columns = [c for c in fits if c.partition(" | ")[0] in scores]
    if not columns:  # all fits failed
        return pd.DataFrame(columns=LONG)
    long = fits.melt(["subject", "setting", "seed"], columns, "score", "value")
    score = long["score"].str.partition(" | ")
    # Of the controls, only this one is not the same for all rows.
    is_kept = (score[2] != SINGLE) | (long["setting"].map(names) == table.reference)
    long, score = long[is_kept], score[is_kept]
    row = long["setting"].map(names).where(score[2] == "", score[2])
    long = long.assign(data=recording.name, row=row, score=score[0]).dropna()
    # Seeds and rows share the controls that no fit changes.
    same = ["data", "row", "subject", "seed", "score"]
    return long.drop_duplicates(same)[LONG]


def _absent(table: Table, recordings: list[Recording]) -> dict:
    """Return why rows have no scores."""
    absent = {}
    for row in table.rows:
        fitted = any(row in rows_of(table, recording) for recording in recordings)
        if not fitted:
            there = row.data in [recording.name for recording in recordings]
            absent[row.data, row.name] = row.lack() or _need(row, there)
    return absent


def _need(row: Row, is_there: bool) -> str:
    """Return what a row lacks whose data set is there, or not."""
    if not is_there:
        return "no data given"
    if row.image_encoder is not None:
        return f"needs {row.image_encoder}"
    return f"needs {row.least_images} images"


def describe(recordings: list[Recording]) -> dict[str, dict]:
    """Return the protocol of every data set."""
    described = {}
    for recording in recordings:
        about = described.setdefault(
            recording.name,
            {
                "simulated": recording.simulated,
                "preprocessed": recording.preprocessed,
                "subjects": list(recording.train),
                "image encoder": [],
                "images": len(recording.features),
                "encoding": "repetitions of test images averaged; r and MSE over "
                "channels and times of every image, mean over images",
                "decoding": "repetitions averaged, cosine; templates are means of "
                "other images",
            },
        )
        about["image encoder"].append(recording.encoder)
    return described
