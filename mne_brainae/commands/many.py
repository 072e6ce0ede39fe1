"""``mne_brainae many``: fits of many subjects and seeds, in one folder."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_quiet
from ._fitting import add_model
from ._numbers import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, the model, and where results go."""
    add = parser.add_argument
    add(
        "epochs",
        nargs="+",
        metavar="[SUBJECT=]EPOCHS",
        help="training epochs (-epo.fif); without a subject that of the file",
    )
    add("--images", type=Path, required=True, help="the folder of images")
    add_model(parser)
    add("--seeds", type=count, default=1, help="number of seeds (%(default)s)")
    add("--jobs", type=count, default=1, help="processes (%(default)s)")
    out = Path("brainae_fits")
    add("--out", type=Path, default=out, help="folder for results (%(default)s)")
    add("--overwrite", action="store_true", help="replace results of other settings")
    add_quiet(parser)


def run(given: argparse.Namespace) -> None:
    """Fit what is not yet fitted, and print the table."""
    import mne_brainae

    from ..utils.tables import as_text
    from ._files import check_files, read_epochs
    from ._fitting import params_of

    files = _files_by_subject(given.epochs)
    check_files(given, images=given.images)
    params = params_of(given)
    for file in files.values():
        read_epochs(file)
    fits = mne_brainae.fit_many(
        files,
        given.images,
        folder=given.out,
        seeds=range(given.seeds),
        recipe=given.recipe,
        n_jobs=given.jobs,
        overwrite=given.overwrite,
        verbose="WARNING" if given.quiet else None,
        **params,
    )
    if not given.quiet:
        print(as_text(fits.drop(columns="fname"), index=False))
        print(f"Saved in {given.out}")


def _files_by_subject(words: list[str]) -> dict[str, Path]:
    """Return the file of every subject; a path may contain any sign."""
    files = {}
    for word in words:
        subject, sign, file = word.partition("=")
        if not sign or Path(word).exists():
            file, subject = word, Path(word).stem.removesuffix("-epo")
        if not Path(file).is_file():
            raise FileNotFoundError(f"There is no file of epochs {file}.")
        if subject in files:
            raise ValueError(
                f"Two files of epochs are of the subject {subject!r}; name them as "
                "SUBJECT=FILE."
            )
        files[subject] = Path(file)
    return files
