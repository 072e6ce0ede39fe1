"""The data of tables and figures: what was asked for on the command line."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

#: Where fits of simulated data depart from the paper, to end within seconds.
QUICK = {
    "n_embedding": 128,
    "n_kernels": 16,
    "kernel_length": 10,
    "max_epochs": 20,
    "min_updates": 100,
}
#: The simulation and the fits of ``--small``.
SMALL = {
    "n_train_concepts": 16,
    "n_test_concepts": 8,
    "n_exemplars": 4,
    "n_templates": 2,
    "n_test_repetitions": 4,
    "snr": 1.0,
    "tmin": 0.0,
    "tmax": 0.4,
}
TRIAL = {"n_embedding": 16, "n_kernels": 8, "max_epochs": 2, "min_updates": 1}
BRIEF = QUICK | {"n_embedding": 16, "max_epochs": 2, "min_updates": 1}
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
    add("--images", type=Path, help="the folder object_images of THINGS")
    add("--image-encoder", default=ENCODER, help="for recordings")
    add(
        "--subjects",
        type=parse_subjects,
        help="such as 1-10 or 1,3,F; all by default, two if simulated",
    )
    add("--seeds", type=int, default=n_seeds, help="number of seeds (%(default)s)")
    add("--jobs", type=int, help="processes")
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
    if given.data is None:
        return TRIAL if given.small else {}
    return BRIEF if given.small else QUICK


def find_roots(
    given: argparse.Namespace, name: str, data: Iterable[str]
) -> dict[str, str | None]:
    """Return the folder of every data set, None where it is simulated."""
    if (given.data is None) == (given.bids_root is None):
        raise SystemExit("Give either --data simulated or --bids-root FOLDER.")
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
    if known_as in DATA_SETS and sign:
        return known_as, folder
    if sign and not Path(word).exists():
        raise SystemExit(
            f"--bids-root {word}: there is no such folder, and {known_as!r} is none of "
            f"the data sets {', '.join(DATA_SETS)}."
        )
    return DATA_SETS[0], word


def find_subjects(given: argparse.Namespace, names: Iterable[str]) -> dict[str, list]:
    """Return the subjects of every data set that were asked for, as it writes them."""
    known = {name: import_module(f"mne_brainae.datasets.{name}") for name in names}
    known = {name: list(module.SUBJECTS) for name, module in known.items()}
    if given.subjects is None:
        return {name: all_[:2] if given.data else all_ for name, all_ in known.items()}
    asked = given.subjects
    spelled = {name: {s.lstrip("0"): s for s in all_} for name, all_ in known.items()}
    if given.data:  # simulated subjects may have any name
        return {name: [by.get(s, s) for s in asked] for name, by in spelled.items()}
    strange = [word for word in asked if not any(word in by for by in spelled.values())]
    found = {name: [by[s] for s in asked if s in by] for name, by in spelled.items()}
    for name, subjects in found.items():
        if strange or not subjects:
            raise SystemExit(
                f"{name} has the subjects {', '.join(known[name])}, not "
                f"{', '.join(strange or asked)}."
            )
    return found


def read_recordings(
    roots: dict,
    given: argparse.Namespace,
    encoders: dict[str, list[str]],
    *,
    has_templates: bool = True,
    **simulation,
) -> list:
    """Prepare what is not prepared yet, for every image encoder of a data set."""
    from ...benchmark.paper import recordings

    folder, found = given.out / "data", []
    simulation = (SMALL if given.small else recordings.SIMULATION) | simulation
    for name, subjects in find_subjects(given, roots).items():
        if given.data is not None:
            found.append(recordings.simulated(name, subjects, folder, simulation))
            continue
        found += [
            recordings.from_bids(
                name,
                roots[name],
                subjects,
                folder,
                images=given.images,
                image_encoder=encoder,
                is_default=encoder == given.image_encoder,
                has_templates=has_templates,
            )
            for encoder in encoders[name]
        ]
    return found
