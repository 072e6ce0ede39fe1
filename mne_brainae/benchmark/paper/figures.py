"""Figures 2, 3 and 4 of the paper: what their panels show, and one run for all."""

# License: BSD-3-Clause

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from ...many import fit_many
from ...models.fit import read_brainae
from ...utils.checks import logger
from ...utils.files import replacing
from . import panels
from .fitted import Fitted, NotShownError, Painting
from .recordings import Recording
from .rendering import PACKAGES
from .runner import SETTINGS, describe
from .summary import compare_columns

WHOLE = "whole response"


@dataclass(frozen=True)
class Panel:
    """A panel of a figure.

    Parameters
    ----------
    letter : str
        Its letter.
    shows : str
        What it shows in the paper.
    measure : callable
        From a :class:`Fitted` to a table.
    draw : callable
        From the tables of all fits and the first fit to figures by name.
    tested : str
        The column of the parts that are tested across subjects against whole responses.
    """

    letter: str
    shows: str
    measure: Callable
    draw: Callable
    tested: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Parameters
    ----------
    name : str
        The name of the command.
    caption : str
        What it shows.
    panels : tuple of Panel
        Its panels.
    data : str
        The data set.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]
    data: str = "things_eeg2"


FIGURES = {
    figure.name: figure
    for figure in (
        Figure(
            "figure2",
            "Encoded and measured activity in time, space and frequency",
            (
                Panel(
                    "a",
                    "mean time courses of occipital, temporal and parietal channels",
                    panels.measure_time_courses,
                    panels.draw_time_courses,
                ),
                Panel(
                    "b",
                    "maps of power in five rhythms",
                    panels.measure_power,
                    panels.draw_power,
                ),
                Panel(
                    "c",
                    "correlations between channels",
                    panels.measure_correlations,
                    panels.draw_correlations,
                ),
                Panel(
                    "d",
                    "phase lags between channels",
                    panels.measure_phase_lags,
                    panels.draw_phase_lags,
                ),
            ),
        ),
        Figure(
            "figure3",
            "Decoding in time, space and meaning, and its agreement with encoding",
            (
                Panel(
                    "a",
                    "accuracy with times hidden: increasing, decreasing, pointwise",
                    panels.measure_hidden_times,
                    panels.draw_hidden_times,
                    tested="tmin",
                ),
                Panel(
                    "b",
                    "accuracy with regions hidden",
                    panels.measure_hidden_regions,
                    panels.draw_hidden_regions,
                    tested="region",
                ),
                Panel(
                    "c",
                    "similarity of embeddings within and between categories",
                    panels.measure_categories,
                    panels.draw_categories,
                ),
                Panel(
                    "d",
                    "generated images",
                    panels.measure_generated,
                    panels.draw_generated,
                ),
                Panel(
                    "e",
                    "encoding and decoding, channel by channel",
                    panels.measure_channel_consistency,
                    panels.draw_consistency,
                ),
                Panel(
                    "f",
                    "encoding and decoding, window by window",
                    panels.measure_time_consistency,
                    panels.draw_consistency,
                ),
            ),
        ),
        Figure(
            "figure4",
            "Reconstruction of masked activity",
            (
                Panel(
                    "a",
                    "examples of three channels, half of the response masked",
                    panels.measure_examples,
                    panels.draw_examples,
                ),
                Panel(
                    "b",
                    "encoding (red) and decoding (blue) by kind and ratio of the mask",
                    panels.measure_reconstruction,
                    panels.draw_reconstruction,
                ),
            ),
        ),
    )
}


def run_figure(
    figure: Figure,
    recording: Recording,
    *,
    folder: str | Path,
    fits: str | Path,
    seeds: Iterable[int] = (0,),
    params: Mapping | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
    painting: Painting | None = None,
) -> tuple[list[Path], list[str]]:
    """Fit the paper's model, and measure and draw every panel.

    Parameters
    ----------
    figure : Figure
        The figure.
    recording : instance of Recording
        The data.
    folder : path-like
        Where the panels go.
    fits : path-like
        Where models are kept, which the figures share. What is there is not fitted
        again.
    seeds : iterable of int
        The seeds.
    params : dict | None
        What differs from the recipe.
    n_jobs : int | None
        How many processes for the fits.
    overwrite : bool
        Whether models of other data or settings are replaced.
    painting : instance of Painting | None
        How images are painted; None paints none.

    Returns
    -------
    files : list of Path
        For every panel a table with the numbers of all fits, and images; and
        ``protocol.json``.
    lines : list of str
        What a reader must know, panel by panel.
    """
    params, seeds, folder = dict(params or {}), list(seeds), Path(folder)
    models = fit_many(
        recording.train,
        recording.features,
        recipe="paper",
        folder=Path(fits) / f"{recording.name}_{recording.encoder}",
        seeds=seeds,
        n_jobs=n_jobs,
        overwrite=overwrite,
        **params,
    )
    tables, why, first = _measure(figure, models, recording, painting)
    files, lines = [], [] if not recording.simulated else ["SIMULATED, not recorded."]
    for panel in figure.panels:
        if reason := why.get(panel.letter):
            lines.append(f"{panel.letter}, {panel.shows}: NOT SHOWN, {reason}.")
            continue
        lines.append(f"{panel.letter}, {panel.shows}.")
        table = pd.concat(tables[panel.letter])
        contents = {panel.letter: table}
        if panel.tested:
            tests, refused = _test(table, panel)
            if refused:
                lines.append(f"{panel.letter}: not tested, {refused}.")
            else:
                contents[f"{panel.letter}_tests"] = tests
        files += _write(folder, contents, panel.draw(table, first), panel.letter)
    protocol = {
        "figure": figure.name,
        "caption": figure.caption,
        "data": describe([recording]),
        "seeds": seeds,
        SETTINGS: {name: str(value) for name, value in params.items()},
        "decoding": "top-1 classification by templates, cosine",
        "panels": lines,
        "versions": {name: version(name) for name in PACKAGES},
    }
    files.append(folder / "protocol.json")
    with replacing(files[-1]) as temporary:
        temporary.write_text(json.dumps(protocol, indent=1), "utf-8")
    return files, lines


def _measure(figure: Figure, models: pd.DataFrame, recording, painting) -> tuple:
    """Measure every panel of every fit, one fit in memory at a time."""
    tables, why, first = {panel.letter: [] for panel in figure.panels}, {}, None
    for row in models.itertuples():
        fitted = Fitted(read_brainae(row.fname), row.subject, recording, painting)
        first = first or fitted
        for panel in figure.panels:
            if panel.letter in why:
                continue
            logger.info(
                f"{figure.name}{panel.letter}, subject {row.subject}, seed {row.seed}"
            )
            try:
                table = panel.measure(fitted)
            except NotShownError as error:
                why[panel.letter] = str(error)
                continue
            table.insert(0, "subject", row.subject)
            table.insert(1, "seed", row.seed)
            tables[panel.letter].append(table)
    return tables, why, first


def _write(folder: Path, tables: dict, drawn: dict, letter: str) -> list[Path]:
    """Write the tables and the images of a panel."""
    files = []
    for name, table in tables.items():
        files.append(folder / f"{name}.csv")
        with replacing(files[-1]) as temporary:
            table.to_csv(temporary, index=False)
    for name, figure in drawn.items():
        files.append(folder / f"{f'{letter}_{name}' if name else letter}.png")
        with replacing(files[-1]) as temporary:
            figure.savefig(temporary, dpi=150)
        plt.close(figure)
    return files


def _test(table: pd.DataFrame, panel: Panel) -> tuple[pd.DataFrame, str]:
    """Test accuracy without a part against whole responses, across subjects."""
    part = panel.tested
    some = table[table["way"] == "pointwise"] if "way" in table else table
    wide = some.pivot_table(index="subject", columns=part, values="accuracy")
    wide.columns = wide.columns.astype(str)
    wide[WHOLE] = some.groupby("subject")["whole"].mean()
    tests, refused = compare_columns(wide, WHOLE)
    return tests.rename(columns={"row": part}), refused
