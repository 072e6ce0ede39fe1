"""``mne_brainae benchmark it``: which of seven objects macaque IT saw, and when."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--folds", type=count, default=5, help="parts of the repetitions")
    add("--bin", type=positive, default=0.05, help="width of a time bin in seconds")
    add("--out", type=Path, help="a folder for the images")


def run(given: argparse.Namespace) -> None:
    """Print how well trials are classified, by window, and with windows hidden."""
    import mne

    from ...benchmark.studies import it

    with mne.utils.use_log_level("ERROR"):
        trials = it.read_trials(bin_width=given.bin, n_folds=given.folds)
        print(trials.protocol, "\n")
        print(_text(it.classify(trials)), "\n")
        print("Fitted to one window of 100 ms only")
        print(_text(it.classify_windows(trials)), "\n")
        for kind, occlusion in it.occlude(trials):
            print(occlusion)
            print(_text(occlusion.table, index=False), "\n")
            if given.out is not None:
                _save(occlusion.plot(show=False), given.out / f"it_{kind}.png")
        for deviation in (0.02, 0.0):
            _print_reconstruction(deviation, given.folds)


def _print_reconstruction(deviation: float, n_folds: int) -> None:
    from ...benchmark.studies import it

    smoothed = (
        f"smoothed by a Gaussian of {1000 * deviation:.0f} ms, so that bins beside a "
        "gap share its spikes"
    )
    print(
        "Masked trials of the first fold, 0 to 500 ms after onset in 50 bins, "
        f"{smoothed if deviation else 'not smoothed'}; probabilistic PCA of 10 "
        "components"
    )
    print(it.reconstruct(deviation, n_folds=n_folds), "\n")


def _text(table, **options) -> str:
    from ...utils.tables import as_text

    return as_text(table, float_format="{:.3g}".format, **options)


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
