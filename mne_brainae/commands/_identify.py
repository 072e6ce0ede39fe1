"""What ``retrieve`` and ``classify`` have in common."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from inspect import signature
from pathlib import Path

from ._files import add_out, add_quiet

SIMILARITIES = ("cosine", "encoding", "likelihood")


def add_identification(parser: argparse.ArgumentParser, out: str) -> None:
    """Add how responses are compared, and where the ranks go."""
    add = parser.add_argument
    add("--similarity", choices=SIMILARITIES, help="to compare by; that of the model")
    add(
        "--none",
        action="store_true",
        help="'none of these' is a candidate, for likelihoods of a closed form",
    )
    add("--single-trials", action="store_true", help="do not average repetitions")
    add_out(parser, out, "the table of ranks")
    add_quiet(parser)


def identify(given: argparse.Namespace, method: str, candidates: Path, **how) -> None:
    """Rank candidates for every response, print accuracies, and save the ranks.

    Parameters
    ----------
    given : instance of Namespace
        What was parsed.
    method : ``"retrieve"`` | ``"classify"``
        What the model is asked.
    candidates : Path
        The folder of images or of templates.
    **how
        What else the method is told.
    """
    from mne.utils import use_log_level

    import mne_brainae

    from ..utils.checks import counted
    from ..utils.files import replacing
    from ._files import check_files, read_epochs

    check_files(
        given, ".csv", model=given.model, epochs=given.epochs, folder=candidates
    )
    with use_log_level("WARNING" if given.quiet else None):
        model = mne_brainae.read_brainae(given.model)
        if not hasattr(model, method):
            raise ValueError(f"A {type(model).__name__} cannot {method}.")
        if given.none:
            _check_none(model, method)
            how["none"] = True
        epochs = read_epochs(given.epochs)
        if not given.single_trials:
            epochs = mne_brainae.average_repetitions(epochs)
        how["similarity"] = given.similarity
        found = getattr(model, method)(epochs, candidates, **how)
    with replacing(given.out) as path:
        found.to_data_frame().to_csv(path, index_label="epoch")
    if not given.quiet:
        n_responses = counted(len(found.truth), "response")
        print(f"{found}\nSaved the ranks of {n_responses} in {given.out}")


def _check_none(model, method: str) -> None:
    if "none" not in signature(getattr(model, method)).parameters:
        raise ValueError(
            f"A {type(model).__name__} does not learn when none of the candidates was "
            "shown. Leave --none out, or take the model of one subject."
        )
