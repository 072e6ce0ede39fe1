"""Files that a command is given or is to write: checked before the work."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path


def add_model(parser: argparse.ArgumentParser, **how) -> None:
    """Add the fitted model, a file or an address of the Hugging Face Hub.

    Parameters
    ----------
    parser : instance of ArgumentParser
        The parser of the command.
    **how
        What else ``add_argument`` is told.
    """
    told = "a model file of mne_brainae fit, or hf://owner/name of the Hugging Face Hub"
    parser.add_argument("model", type=_file_or_address, help=told, **how)


def _file_or_address(text: str) -> Path | str:
    """Return an address as it is, since a path would lose one of its slashes."""
    from ..utils.hub import is_address

    return text if is_address(text) else Path(text)


def add_out(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    """Add the file that is written, and whether it may replace another.

    Parameters
    ----------
    parser : instance of ArgumentParser
        The parser of the command.
    default : str
        The usual name of the file. Its ending is that of all names.
    what : str
        What is written.
    """
    add = parser.add_argument
    add("--out", type=Path, default=Path(default), help=f"{what} (%(default)s)")
    add("--overwrite", action="store_true", help="replace the file")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add whether a command says only what goes wrong."""
    parser.add_argument("--quiet", action="store_true", help="say only what goes wrong")


def check_files(
    given: argparse.Namespace, suffix: str = "", **places: Path | str | None
) -> None:
    """Refuse places that do not exist, and a file that cannot be written.

    Parameters
    ----------
    given : instance of Namespace
        What was parsed, with ``out`` and ``overwrite``.
    suffix : str
        How the name of the file that is written must end; none is written if empty.
    **places : Path | str | None
        Files or folders that must exist, by what they are. An address of the Hub is a
        str, which whoever reads it checks.
    """
    from ..utils.checks import check_new_file

    for what, place in places.items():
        if isinstance(place, Path) and not place.exists():
            raise FileNotFoundError(f"There is no {what} {place}.")
    if suffix:
        check_new_file(given.out, suffix, overwrite=given.overwrite)


def read_epochs(fname: Path):
    """Read epochs, and say what was expected if the file holds none.

    Parameters
    ----------
    fname : path-like
        The file.

    Returns
    -------
    epochs : instance of Epochs
        The epochs, whose data stay on disk.
    """
    import mne

    try:
        return mne.read_epochs(fname, preload=False)
    except FileNotFoundError:
        raise
    except Exception as error:  # MNE-Python raises all kinds on another kind of file
        raise ValueError(
            f"{fname} holds no epochs that MNE-Python can read ({error}). Expected a "
            "file -epo.fif that epochs.save wrote; cut a raw recording with mne.Epochs "
            "first."
        ) from error
