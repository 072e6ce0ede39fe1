"""``mne_brainae benchmark table4`` and its like: the tables of the paper."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .data import (
    add_data_arguments,
    find_roots,
    find_subjects,
    processes_of,
    read_recordings,
    settings_of,
)

#: Encoders that need 75 samples or more, of a simulation at 100 Hz.
LONG = {"nice", "atm", "shallow", "conformer"}
#: Minutes per fit on one GeForce 4090 (Table 16).
PAPER_MINUTES = {"things_eeg2": 7, "things_meg": 19, "tvsd": 28}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data, and what to do with them."""
    add_data_arguments(parser, n_seeds=5)
    add = parser.add_argument
    add("--no-control", action="store_true", help="do not fit shuffled images")
    add(
        "--cross-subject",
        action="store_true",
        help="fit the reference to all other subjects, too",
    )
    add("--dry-run", action="store_true", help="list the fits and end")


def run(given: argparse.Namespace) -> None:
    """Fit what is not yet fitted, print the table and write it."""
    from ...benchmark.paper.rendering import cells, legend, write
    from ...benchmark.paper.runner import run_table
    from ...benchmark.paper.summary import summarise
    from ...benchmark.paper.tables import TABLES
    from ...utils.checks import counted

    table = TABLES[given.benchmark]
    roots = find_roots(given, table.name, table.data)
    encoders = {name: _encoders(table, name, given) for name in roots}
    if given.dry_run:
        _list(table, roots, given)
        return
    with processes_of(given):
        results = run_table(
            table,
            read_recordings(
                roots,
                given,
                encoders,
                has_templates="classification top-1" in table.columns,
                **({"tmax": 0.99} if _needs_long_windows(table) else {}),
            ),
            folder=given.out / table.fits / "fits",
            seeds=range(given.seeds),
            params=settings_of(given),
            shuffled=not given.no_control,
            cross_subject=given.cross_subject,
            n_jobs=given.jobs,
            overwrite=given.overwrite,
        )
    print(cells(summarise(results), results).to_string())
    print("\n" + "\n".join(legend(results)))
    for file in write(results, given.out / table.name):
        print(f"Wrote {file}")
    if results.failures:
        failed = counted(len(results.failures), "fit")
        raise SystemExit(f"{failed} failed; run again to try what failed.")


def _needs_long_windows(table) -> bool:
    """Return whether an encoder of the fits is too long for short simulations."""
    from ...benchmark.paper.tables import TABLES

    rows = TABLES[table.fits].rows  # those of all data sets, which share a simulation
    return any(LONG & {row.recipe, row.settings.get("brain_encoder")} for row in rows)


def _encoders(table, name: str, given: argparse.Namespace) -> list[str]:
    """Return the image encoders that the rows of a data set ask for."""
    if given.data is not None:
        return ["gabor"]
    own = [row.image_encoder for row in table.rows if row.data == name]
    # A row without one of its own takes that of the run.
    return list(dict.fromkeys(encoder or given.image_encoder for encoder in own))


def _list(table, roots: dict, given: argparse.Namespace) -> None:
    """Print the fits, those that are done, and how long the others may take."""
    from ...utils.checks import counted

    n_seeds = given.seeds
    for name, subjects in find_subjects(given, roots).items():
        done = list((given.out / table.fits / "fits").glob(f"{name}_*/*_seed-*.json"))
        rows = [row for row in table.rows if row.data == name]
        encoders = _encoders(table, name, given)
        n_fits = 0
        for row in rows:
            why = row.lack()
            if not why and row.image_encoder not in (None, *encoders):
                why = f"needs recordings and the weights of {row.image_encoder}"
            n_fits += 0 if why else len(subjects) * n_seeds
            print(f"{name:12} {row.name:24} {why or _times(subjects, n_seeds)}")
        for control in _controls(table, rows, len(subjects), given):
            n_fits += len(subjects) * n_seeds
            print(f"{name:12} {control:24} {_times(subjects, n_seeds)}")
        fits = counted(n_fits, "fit")
        print(f"{name:12} {fits}, results there: {len(done)}; {_cost(done)}")
        if given.data is None:
            _list_encoders(name, encoders)
            for folder in (Path(roots[name]), given.images):
                if not folder.is_dir():
                    print(f"{name:12} there is no folder {folder}")
            hours = n_fits * PAPER_MINUTES[name] / 60
            print(f"{name:12} {hours:.1f} h on the paper's GPU (Table 16)")


def _controls(table, rows, n_subjects: int, given: argparse.Namespace) -> list[str]:
    """Return which controls of a data set ``run_table`` fits."""
    from ...benchmark.paper.recordings import LEAST_OTHERS
    from ...benchmark.paper.runner import TIMES
    from ...benchmark.paper.scores import OTHERS, SHUFFLED

    is_there = any(row.name == table.reference for row in rows)
    if not is_there or not set(table.columns) - set(TIMES):
        return []
    shuffled = not given.no_control
    others = given.cross_subject and n_subjects >= LEAST_OTHERS
    return [SHUFFLED] * shuffled + [OTHERS] * others


def _list_encoders(name: str, encoders: list[str]) -> None:
    """Print which weights are here, and how to get the others."""
    from ...images import list_image_encoders

    for encoder, row in list_image_encoders(encoders).iterrows():
        state = "are here"
        if not row["at_hand"]:
            state = (
                f"({4e-9 * row['n_parameters']:.1f} GB) are not here, and fetched at "
                "first use; see mne_brainae image_encoders"
            )
        print(f"{name:12} weights of {encoder} {state}")


def _times(subjects: list[str], n_seeds: int) -> str:
    from ...utils.checks import counted

    return f"{counted(len(subjects), 'subject')} x {counted(n_seeds, 'seed')}"


def _cost(done: list[Path]) -> str:
    """Return what a fit has taken here."""
    import json

    if not done:
        return "how long one takes here is known after the first"
    seconds = [json.loads(file.read_text())["row"]["seconds"] for file in done]
    return f"one takes {sum(seconds) / len(seconds):.1f} s here"
