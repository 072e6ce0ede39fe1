"""``mne_brainae over-time``: when images are in responses, and by which features."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_quiet
from ._numbers import count, positive, seed

#: Lines of a table that are printed at most; the file has all.
MOST_LINES = 25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording, the features and the folds."""
    add = parser.add_argument
    add(
        "epochs",
        type=Path,
        nargs="?",
        help="epochs (-epo.fif), metadata name the image; a simulation if left out",
    )
    add("images", type=Path, nargs="?", help="the folder of images")
    add("--image-encoder", default="gabor", help="see mne_brainae image-encoders")
    add(
        "--layers",
        nargs="+",
        help="layers of the image encoder, whose shares of variance are compared; "
        "features without layers are grouped by the first word of their names",
    )
    add("--by", default="image", help="metadata column to hold out by (%(default)s)")
    add("--folds", type=count, default=5, help="number of folds (%(default)s)")
    add("--generalize", action="store_true", help="test every time at all others too")
    add("--picks", nargs="+", help="channels or channel types")
    add("--seed", type=seed, default=0, help="seed of the folds (%(default)s)")
    add("--snr", type=positive, default=0.2, help="of a trial of the simulation")
    add("--simulate", type=count, default=120, help="images of the simulation")
    add("--out", type=Path, default=Path("brainae_over_time"), help="folder of results")
    add_quiet(parser)


def run(given: argparse.Namespace) -> None:
    """Print the tables, and save them with their figures."""
    import matplotlib as mpl
    import mne

    from ..benchmark.studies import over_time
    from ..utils.tables import as_text

    mpl.use("agg")
    with mne.utils.use_log_level("ERROR" if given.quiet else "WARNING"):
        epochs, features = _read(given)
        how = {"by": given.by, "n_splits": given.folds, "generalize": given.generalize}
        how |= {"picks": given.picks, "seed": given.seed}
        groups = over_time.groups_of(features)
        findings = list(over_time.measure(epochs, features, groups, **how))
    given.out.mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(findings):
        found.table.to_csv(given.out / f"table_{number}.csv")
        for part, figure in enumerate(found.figures):
            figure.savefig(given.out / f"figure_{number}_{part}.png", dpi=120)
        if not given.quiet:
            print(f"\n{found.protocol}")
            print(as_text(_thin(found.table), float_format="{:.3f}".format))
    if not given.quiet:
        print(f"\nSaved the whole tables and their figures in {given.out.resolve()}")


def _thin(table):
    """Return evenly spaced rows of a long table, and columns of a matrix."""
    step = -(-len(table) // MOST_LINES)
    is_matrix = table.shape[0] == table.shape[1]
    return table.iloc[::step, ::step] if is_matrix else table.iloc[::step]


def _read(given: argparse.Namespace):
    """Return epochs and features, those of a simulation if no files are given."""
    import mne_brainae

    from ..benchmark.studies import over_time
    from ..utils.checks import check_image_names
    from ._files import check_files, read_epochs

    if given.epochs is None:
        if not given.quiet:
            print(f"SIMULATED EEG, signal to noise {given.snr:g}, Gabor features.")
        return over_time.simulated(given.simulate, snr=given.snr, seed=given.seed)
    if given.images is None:
        raise ValueError("Give the folder of images after the epochs.")
    check_files(given, epochs=given.epochs, images=given.images)
    epochs = read_epochs(given.epochs)
    features = mne_brainae.compute_image_features(
        given.images,
        given.image_encoder,
        names=list(check_image_names(epochs).unique()),
        layer=given.layers,
    )
    return epochs, features
