"""``mne_brainae benchmark figure3`` and its like: the figures of the paper."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .data import (
    add_data_arguments,
    find_roots,
    processes_of,
    recordings_of,
    settings_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data, the seeds, and where results go."""
    add_data_arguments(parser, n_seeds=1)
    add = parser.add_argument
    add("--pipeline", help="paint Figure 3d by sdxl-turbo, sdxl or a folder")
    add("--adapter", type=Path, help="weights of its IP-Adapter (.safetensors)")


def run(given: argparse.Namespace) -> None:
    """Fit what is not yet fitted, and draw and write every panel."""
    import matplotlib as mpl

    from ...benchmark.paper.figures import FIGURES, run_figure

    mpl.use("agg")
    figure = FIGURES[given.benchmark]
    roots = find_roots(given, figure.name, [figure.data])
    encoders = {figure.data: [given.image_encoder]}
    (recording,) = recordings_of(given, roots, encoders, is_long=not given.small)
    with processes_of(given):
        files, lines = run_figure(
            figure,
            recording,
            folder=given.out / figure.name,
            fits=given.out / "figures" / "fits",
            seeds=range(given.seeds),
            params=settings_of(given),
            n_jobs=given.jobs,
            overwrite=given.overwrite,
            painting=painting_of(given),
        )
    print(f"{figure.name}: {figure.caption}\n" + "\n".join(lines))
    for file in files:
        print(f"Wrote {file}")


def painting_of(given: argparse.Namespace):
    """Return how images are painted, if they are."""
    from ...benchmark.paper.fitted import Painting
    from ...generation import RidgePrior

    if given.pipeline is None:
        return None
    prior = RidgePrior() if given.small else None
    return Painting(given.pipeline, given.adapter, prior)
