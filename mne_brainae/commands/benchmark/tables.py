"""``mne_brainae benchmark table4`` and its like: the tables of the paper."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

#: Where fits of simulated data depart from the paper, to end within seconds.
QUICK = {
    "n_embedding": 128,
    "n_kernels": 16,
    "kernel_length": 10,
    "inner_activation": False,
    "max_epochs": 20,
    "min_updates": 200,
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
BRIEF = QUICK | {"n_embedding": 16, "max_epochs": 2, "min_updates": 1}
#: Minutes per fit on one GeForce 4090 (Table 16).
PAPER_MINUTES = {"things_eeg2": 7, "things_meg": 19, "tvsd": 28}
#: The paper's image encoder, 64 layers (section 3.3.2, Appendix D.2).
ENCODER = "eva02-clip-e-14-plus"


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
    add("--subjects", help="such as 1-10 or 1,3,F; all of a data set by default")
    add("--seeds", type=int, default=5, help="number of seeds, five in the paper")
    add("--jobs", type=int, help="processes")
    add("--backend", choices=("loky", "dask"), default="loky", help="dask: a cluster")
    add("--small", action="store_true", help="with --data simulated: seconds' work")
    add("--no-control", action="store_true", help="do not fit shuffled images")
    add("--dry-run", action="store_true", help="list the fits and end")
    add("--overwrite", action="store_true", help="replace results of other settings")
    add("--out", type=Path, default=Path("brainae_tables"), help="folder for results")


def run(given: argparse.Namespace) -> None:
    """Fit what is not yet fitted, print the table and write it."""
    import joblib

    from ...benchmark.rendering import cells, legend, summarise, write
    from ...benchmark.runner import run_table
    from ...benchmark.tables import TABLES

    table = TABLES[given.benchmark]
    roots = _roots(given, table)
    if given.dry_run:
        _list(table, roots, given)
        return
    with joblib.parallel_config(given.backend):
        results = run_table(
            table,
            _recordings(table, roots, given),
            folder=given.out / table.name / "fits",
            seeds=range(given.seeds),
            params=_params(given),
            shuffled=not given.no_control,
            n_jobs=given.jobs,
            overwrite=given.overwrite,
        )
    print(cells(summarise(results), results).to_string())
    print("\n" + "\n".join(legend(results)))
    for file in write(results, given.out / table.name):
        print(f"Wrote {file}")
    if results.failures:
        raise SystemExit(f"{len(results.failures)} fits failed; run again to try them.")


def _params(given: argparse.Namespace) -> dict:
    if given.data is None:
        return {}
    return BRIEF if given.small else QUICK


def _roots(given: argparse.Namespace, table) -> dict[str, str | None]:
    """Return the folder of every data set, None where it is simulated."""
    if (given.data is None) == (given.bids_root is None):
        raise SystemExit("Give either --data simulated or --bids-root FOLDER.")
    if given.data is not None:
        return dict.fromkeys(table.data)
    if given.images is None:
        raise SystemExit("--bids-root needs --images, the folder object_images.")
    roots = {}
    for word in given.bids_root:
        name, _, folder = word.rpartition("=")
        roots[name or "things_eeg2"] = folder
    unknown = set(roots) - set(table.data)
    if unknown:
        raise SystemExit(
            f"{table.name} is about {', '.join(table.data)}, not "
            f"{', '.join(sorted(unknown))}."
        )
    return roots


def _subjects(given: argparse.Namespace, name: str) -> list[str]:
    """Return the subjects that were asked for, as the data set writes them."""
    from ...datasets import things_eeg2, things_meg, tvsd

    known = {"things_eeg2": things_eeg2, "things_meg": things_meg, "tvsd": tvsd}
    words = known[name].SUBJECTS
    if given.subjects is None:
        return list(words[:2] if given.data else words)
    asked = []
    for part in given.subjects.split(","):
        first, _, last = part.partition("-")
        if last:
            asked += [str(n) for n in range(int(first), int(last) + 1)]
        else:
            asked.append(part)
    if given.data:
        return asked
    by_number = {word.lstrip("0"): word for word in words}
    strange = [word for word in asked if word.lstrip("0") not in by_number]
    if strange:
        raise SystemExit(
            f"{name} has the subjects {', '.join(words)}, not {', '.join(strange)}."
        )
    return [by_number[word.lstrip("0")] for word in asked]


def _encoders(table, name: str, given: argparse.Namespace) -> list[str]:
    """Return the image encoders that the rows of a data set ask for."""
    if given.data is not None:
        return ["gabor"]
    own = [row.image_encoder for row in table.rows if row.data == name]
    # A row without one of its own takes that of the run.
    return list(dict.fromkeys(encoder or given.image_encoder for encoder in own))


def _recordings(table, roots: dict, given: argparse.Namespace) -> list:
    """Prepare what is not prepared yet."""
    from ...benchmark import recordings

    folder, found = given.out / "data", []
    for name, root in roots.items():
        subjects = _subjects(given, name)
        if given.data is not None:
            simulation = SMALL if given.small else None
            found.append(recordings.simulated(name, subjects, folder, simulation))
            continue
        found += [
            recordings.from_bids(
                name,
                root,
                subjects,
                folder,
                images=given.images,
                image_encoder=encoder,
                is_default=encoder == given.image_encoder,
            )
            for encoder in _encoders(table, name, given)
        ]
    return found


def _list(table, roots: dict, given: argparse.Namespace) -> None:
    """Print the fits, those that are done, and how long the others may take."""
    n_seeds = given.seeds
    for name in roots:
        subjects = _subjects(given, name)
        done = list((given.out / table.name / "fits").glob(f"{name}_*/*_seed-*.json"))
        rows = [row for row in table.rows if row.data == name]
        encoders = _encoders(table, name, given)
        n_fits = 0
        for row in rows:
            why = row.lack()
            if not why and row.image_encoder not in (None, *encoders):
                why = "other image encoder"
            n_fits += 0 if why else len(subjects) * n_seeds
            print(f"{name:12} {row.name:24} {why or _times(subjects, n_seeds)}")
        if not given.no_control:
            n_fits += len(subjects) * n_seeds
            print(f"{name:12} {'images shuffled':24} {_times(subjects, n_seeds)}")
        print(f"{name:12} {n_fits} fits, {len(done)} results are there; {_cost(done)}")
        if given.data is None:
            hours = n_fits * PAPER_MINUTES[name] / 60
            print(f"{name:12} {hours:.1f} h on the paper's GPU (Table 16)")


def _times(subjects: list[str], n_seeds: int) -> str:
    return f"{len(subjects)} subjects x {n_seeds} seeds"


def _cost(done: list[Path]) -> str:
    """Return what a fit has taken here."""
    import json

    if not done:
        return "how long one takes here is known after the first"
    seconds = [json.loads(file.read_text())["row"]["seconds"] for file in done]
    return f"one takes {sum(seconds) / len(seconds):.1f} s here"
