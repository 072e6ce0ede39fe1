"""``mne_brainae benchmark subjects``: what a group tells of a newcomer."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterator

from .._numbers import count, positive, seed, six
from .encoder import add_encoder_arguments, layers_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the groups, their sizes and the newcomers."""
    cases = ("common", "mixed", "nothing", "neurons")
    add = parser.add_argument
    add("--cases", nargs="+", choices=cases, default=cases[:3], help="what is shared")
    add("--images", nargs="+", type=count, default=None, help="of newcomers")
    add("--members", type=count, default=6, help="subjects of the group")
    add("--newcomers", type=count, default=2, help="subjects that come new")
    add("--group-images", type=count, default=800, help="images of each member")
    add("--channels", nargs="+", type=count, default=[17, 32, 63], help="by turns")
    add("--snr", nargs="+", type=positive, default=[0.02, 0.04], help="of one trial")
    add("--decay", type=positive, default=3.0, help="of the features' spectrum")
    add("--same-images", action="store_true", help="all see the same images")
    add("--folds", type=six, default=6, help="test folds of neurons, up to 6")
    add("--seed", type=seed, default=0, help="seed of the simulation")
    add("--quick", action="store_true", help="a small group and few images")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one table per group."""
    import mne

    from ...benchmark.studies.subjects import CASES
    from ...utils.tables import as_text

    named = dict(zip(("common", "mixed", "nothing"), CASES, strict=True))
    with mne.utils.use_log_level("ERROR"):
        for case in given.cases:
            found = (
                _neurons(given) if case == "neurons" else [_group(given, named[case])]
            )
            for each in found:
                print(each.protocol, "\n")
                text = as_text(each.table, float_format="{:.3f}".format, na_rep="")
                print(text, "\n", flush=True)


def _group(given: argparse.Namespace, case: str):
    from ...benchmark.studies.subjects import NUMBERS, measure

    sizes = {
        "n_members": given.members,
        "n_newcomers": given.newcomers,
        "n_images": given.group_images,
        "n_channels": tuple(given.channels),
    }
    numbers = NUMBERS if given.images is None else given.images
    if given.quick:
        sizes |= {"n_members": 3, "n_newcomers": 1, "n_images": 80, "n_channels": (8,)}
        numbers = (12, 40)
    return measure(
        case,
        numbers,
        snr=given.snr[0] if len(given.snr) == 1 else tuple(given.snr),
        images="same" if given.same_images else "own",
        decay=given.decay,
        seed=given.seed,
        **sizes,
    )


def _neurons(given: argparse.Namespace) -> Iterator:
    from ...benchmark.studies.subjects import measure_neurons

    encoder = layers_of(given)
    numbers = (50, 100, 200, 400) if given.images is None else given.images
    n_folds = 1 if given.quick else given.folds
    sessions = "190923", "210225"
    for order in (sessions, sessions[::-1]):
        yield measure_neurons(order, encoder, numbers, n_folds=n_folds)
