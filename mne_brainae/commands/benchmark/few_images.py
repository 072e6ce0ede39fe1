"""``mne_brainae benchmark few-images``: what to expect of few training images."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add numbers of images, the recording and the recipe."""
    from ...models.recipes import RECIPES

    numbers = (12, 20, 28, 40, 48, 60, 72, 100, 200, 400, 800)
    add = parser.add_argument
    add("--images", nargs="+", type=count, default=numbers, help="training images")
    add("--exemplars", type=count, default=1, help="images of a training concept")
    add("--repetitions", type=count, default=12, help="of a training image")
    add("--candidates", type=count, default=40, help="unseen images to identify")
    add("--snr", type=positive, default=0.2, help="signal to noise of one trial")
    laws = ("linear", "nonlinear")
    add("--law", choices=laws, default="linear", help="law of the responses")
    add("--recipe", choices=tuple(RECIPES), default="linear", help="what is fitted")
    add("--seeds", nargs="+", type=seed, default=[0, 1], help="seeds")
    add("--path", type=Path, help="folder for the images")


def run(given: argparse.Namespace) -> None:
    """Print scores by number of images."""
    import mne

    from ...benchmark.studies.few_images import measure
    from ...utils.tables import as_text

    with mne.utils.use_log_level("ERROR"):
        found = measure(
            given.images,
            n_exemplars=given.exemplars,
            n_repetitions=given.repetitions,
            n_candidates=given.candidates,
            snr=given.snr,
            law=given.law,
            recipe=given.recipe,
            seeds=given.seeds,
            path=given.path,
        )
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format, na_rep=""))
