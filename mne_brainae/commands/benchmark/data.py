"""What the commands of tables and figures are told of their data."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._names import python_name
from .._numbers import count

#: The data sets that --bids-root may name.
DATA_SETS = ("things_eeg2", "things_meg", "tvsd")
#: The paper's image encoder, 64 layers (section 3.3.2, Appendix D.2).
ENCODER = "eva02-clip-e-14-plus"


def add_data_arguments(parser: argparse.ArgumentParser, n_seeds: int) -> None:
    """Add the data, the seeds, and where results go."""
    add = parser.add_argument
    add("--data", choices=("simulated",), help="a simulation instead of recordings")
    add(
        "--bids-root",
        nargs="+",
        metavar="[DATA=]FOLDER",
        help="the BIDS data sets; a folder without a name is THINGS-EEG2",
    )
    add(
        "--preprocessed",
        action="store_true",
        help="the folders hold what the authors of the data preprocessed",
    )
    add("--images", type=Path, help="the folder object_images of THINGS")
    add("--image-encoder", default=ENCODER, help="for recordings")
    add(
        "--subjects",
        type=parse_subjects,
        help="such as 1-10 or 1,3,F; all by default, two if simulated",
    )
    add("--seeds", type=count, default=n_seeds, help="number of seeds (%(default)s)")
    add("--jobs", type=count, help="processes")
    add(
        "--backend",
        choices=("loky", "dask"),
        default="loky",
        help="dask: the cluster of $DASK_SCHEDULER_ADDRESS",
    )
    add("--small", action="store_true", help="fits of seconds, to see that all runs")
    add("--overwrite", action="store_true", help="replace results of other settings")
    out = Path("brainae_tables")
    add("--out", type=Path, default=out, help="folder for results (%(default)s)")


def parse_subjects(words: str) -> list[str]:
    """Return the subjects that words such as 1-3,F name, without leading zeros."""
    subjects = []
    for part in words.split(","):
        first, dash, last = part.strip().partition("-")
        if not dash and first:
            subjects.append(first.lstrip("0") or "0")
        elif first.isdecimal() and last.isdecimal() and int(first) <= int(last):
            subjects += [str(n) for n in range(int(first), int(last) + 1)]
        else:
            raise argparse.ArgumentTypeError(
                f"expected subjects and ranges of numbers such as 1-10 or 1,3,F, got "
                f"{part.strip()!r} in {words!r}"
            )
    return subjects


@contextmanager
def processes_of(given: argparse.Namespace) -> Iterator[None]:
    """Run the fits inside on processes of this machine, or on a cluster."""
    import joblib

    if given.backend != "dask":
        with joblib.parallel_config(given.backend):
            yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise SystemExit("--backend dask needs mne_brainae[cluster].") from None
    # Of $DASK_SCHEDULER_ADDRESS, or a cluster on this machine.
    with Client(), joblib.parallel_config("dask"):
        yield


def settings_of(given: argparse.Namespace) -> dict:
    """Return what the fits have different from the paper."""
    from ...benchmark.paper.data import fit_settings

    return fit_settings(is_simulated=given.data is not None, is_small=given.small)


def find_roots(
    given: argparse.Namespace, name: str, data: Iterable[str]
) -> dict[str, str | None]:
    """Return the folder of every data set, None where it is simulated."""
    if (given.data is None) == (given.bids_root is None):
        raise SystemExit("Give either --data simulated or --bids-root FOLDER.")
    if given.data is not None and given.preprocessed:
        raise SystemExit(
            "--preprocessed goes with --bids-root, not with --data simulated."
        )
    if given.data is not None:
        return dict.fromkeys(data)
    if given.images is None:
        raise SystemExit("--bids-root needs --images, the folder object_images.")
    roots = {}
    for word in given.bids_root:
        known_as, folder = _name_and_folder(word)
        roots[known_as] = folder
    unknown = set(roots) - set(data)
    if unknown:
        raise SystemExit(
            f"{name} is about {', '.join(data)}, not {', '.join(sorted(unknown))}."
        )
    return roots


def _name_and_folder(word: str) -> tuple[str, str]:
    """Return the data set and its folder, of which a path may contain any sign."""
    known_as, sign, folder = word.partition("=")
    known_as = python_name(known_as)
    if known_as in DATA_SETS and sign:
        return known_as, folder
    if sign and not Path(word).exists():
        raise SystemExit(
            f"--bids-root {word}: there is no such folder, and {known_as!r} is not one "
            f"of the data sets {', '.join(DATA_SETS)}."
        )
    return DATA_SETS[0], word


def subjects_of(given: argparse.Namespace, names: Iterable[str]) -> dict[str, list]:
    """Return the subjects of every data set that were asked for."""
    from ...benchmark.paper.data import find_subjects

    try:
        return find_subjects(names, given.subjects, is_simulated=given.data is not None)
    except ValueError as error:
        raise SystemExit(str(error)) from None


def recordings_of(
    given: argparse.Namespace,
    roots: dict[str, str | None],
    encoders: dict[str, list[str]],
    *,
    is_long: bool,
    has_templates: bool = True,
) -> list:
    """Return the recordings that were asked for, or their simulations."""
    from ...benchmark.paper.data import read_recordings, simulate_recordings

    subjects, folder = subjects_of(given, roots), given.out / "data"
    if given.data is not None:
        return simulate_recordings(
            subjects, folder, is_small=given.small, is_long=is_long
        )
    return read_recordings(
        subjects,
        folder,
        roots=roots,
        images=given.images,
        encoders=encoders,
        default=given.image_encoder,
        has_templates=has_templates,
        preprocessed=given.preprocessed,
    )
