"""``mne_brainae benchmark audit``: clean scores, and the price of every inflation."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count, positive

SYSTEMS = (
    *("best", "linear", "paper", "nice", "atm", "mb2c", "multi_blur", "samga", "ubp"),
    *("neurobridge", "ridge", "bravl", "benchetrit", "release"),
)
#: What --quick changes.
QUICK = {"systems": ("linear", "nice", "ridge"), "subjects": 3, "epochs": 10}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording, the systems and how much of it."""
    add = parser.add_argument
    add(
        "--systems",
        nargs="+",
        choices=SYSTEMS,
        help="which systems; default all that apply to the data, but the last three",
    )
    add(
        "--data",
        default="simulated",
        help="simulated, or a session of macaque V4 such as 190923",
    )
    add(
        "--law",
        choices=("linear", "nonlinear"),
        default="linear",
        help="law of the simulated responses",
    )
    add("--subjects", type=count, help="subjects, or folds of V4; default 8, or 6")
    add("--concepts", type=count, default=80, help="training concepts, 5 images each")
    add("--test", type=count, default=100, help="test images of other concepts")
    add("--snr", type=positive, default=0.05, help="signal to noise of one trial")
    add("--epochs", type=count, help="passes of trained systems; default as published")
    add(
        "--choose-by",
        choices=("identification", "loss"),
        default="identification",
        help="what chooses the epoch of systems that only decode",
    )
    add(
        "--clean",
        action="store_true",
        help="clean scores alone, of every subject, with the shuffled control",
    )
    add("--csv", type=Path, help="keep single scores here, and go on from them")
    add("--quick", action="store_true", help="three systems and subjects, in minutes")


def run(given: argparse.Namespace) -> None:
    """Print the scores, and what every inflation adds to them."""
    from ...benchmark.studies.audit import measure
    from ...utils.tables import as_text

    simulated = given.data == "simulated"
    n_subjects = 8 if simulated else 6
    default = {"systems": None, "subjects": n_subjects, "epochs": None}
    default |= QUICK if given.quick else {}
    systems, n_subjects, n_epochs = (
        value if getattr(given, name) is None else getattr(given, name)
        for name, value in default.items()
    )
    for found in measure(
        systems,
        data=given.data,
        law=given.law,
        n_subjects=n_subjects,
        n_concepts=given.concepts,
        n_test=given.test,
        snr=given.snr,
        n_epochs=n_epochs,
        inflate=not given.clean,
        choose_by=given.choose_by,
        path=given.csv,
    ):
        print(f"{found.protocol}\n")
        print(as_text(found.table.T, float_format="{:.3f}".format, na_rep="-"), "\n")
