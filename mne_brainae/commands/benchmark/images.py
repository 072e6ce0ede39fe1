"""``mne_brainae benchmark images``: what image features predict, and what they cost."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count
from .encoder import add_encoder_arguments, encoder_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to measure and by which encoder."""
    add = parser.add_argument
    add("what", choices=("encoding", "cost"), help="predict macaque V4, or time")
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--images", type=count, default=128, help="cost: images per round")
    add("--side", type=count, default=500, help="cost: height and width of images")
    add("--rounds", type=count, default=5, help="cost: rounds, interleaved")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one line per session, or what the encoder costs."""
    encoder = encoder_of(given)
    print(encoder)
    if given.what == "encoding":
        _print_encoding(encoder, given)
    else:
        _print_cost(encoder, given)


def _print_encoding(encoder, given: argparse.Namespace) -> None:
    from ...benchmark.studies.images import encoding
    from ...datasets import macaque_v4

    for session in given.session:
        epochs = macaque_v4.read_epochs(session, verbose="WARNING")
        r, words = encoding(encoder, epochs)
        print(f"macaque V4, session {session}: r = {r:.4f} {words}", flush=True)


def _print_cost(encoder, given: argparse.Namespace) -> None:
    from ...benchmark.studies.images import cost
    from ...utils.tables import as_text

    found = cost(encoder, given.images, given.rounds, given.side)
    size = f"{given.side} x {given.side}"
    print(f"\nimages/s on the CPU, {given.images} JPEGs of {size}:")
    print(as_text(found.throughput.round(3)))
    print(f"\npeak memory of a process, JPEGs of {size}:")
    print(*found.memory, sep="\n")
