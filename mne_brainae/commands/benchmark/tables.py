"""``mne_brainae benchmark table4`` and its like: the tables of the paper."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .data import (
    add_data_arguments,
    find_roots,
    processes_of,
    recordings_of,
    settings_of,
    subjects_of,
)

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
    from ...benchmark.paper.data import needs_long_windows
    from ...benchmark.paper.rendering import cells, legend, write
    from ...benchmark.paper.runner import run_table
    from ...benchmark.paper.summary import summarize
    from ...benchmark.paper.tables import TABLES
    from ...utils.checks import counted
    from ...utils.tables import as_text

    table = TABLES[given.benchmark]
    roots = find_roots(given, table.name, table.data)
    encoders = {name: _encoders(table, name, given) for name in roots}
    if given.dry_run:
        _print_plans(table, roots, encoders, given)
        return
    with processes_of(given):
        results = run_table(
            table,
            recordings_of(
                given,
                roots,
                encoders,
                is_long=needs_long_windows(table),
                has_templates="classification top-1" in table.columns,
            ),
            folder=given.out / table.fits / "fits",
            seeds=range(given.seeds),
            params=settings_of(given),
            shuffled=not given.no_control,
            cross_subject=given.cross_subject,
            n_jobs=given.jobs,
            overwrite=given.overwrite,
        )
    print(as_text(cells(summarize(results), results)))
    print("\n" + "\n".join(legend(results)))
    for file in write(results, given.out / table.name):
        print(f"Wrote {file}")
    if results.failures:
        failed = counted(len(results.failures), "fit")
        raise SystemExit(f"{failed} failed; run again to try what failed.")


def _encoders(table, name: str, given: argparse.Namespace) -> list[str]:
    from ...benchmark.paper.data import image_encoders

    if given.data is not None:
        return ["gabor"]
    return image_encoders(table, name, given.image_encoder)


def _print_plans(table, roots: dict, encoders: dict, given: argparse.Namespace) -> None:
    """Print the fits, those that are done, and how long the others may take."""
    from ...benchmark.paper.plan import plan_fits

    for name, subjects in subjects_of(given, roots).items():
        plan = plan_fits(
            table,
            name,
            subjects=subjects,
            n_seeds=given.seeds,
            encoders=encoders[name],
            folder=given.out / table.fits / "fits",
            shuffled=not given.no_control,
            cross_subject=given.cross_subject,
        )
        _print_plan(name, plan)
        if given.data is None:
            _print_encoders(name, encoders[name])
            for folder in (Path(roots[name]), given.images):
                if not folder.is_dir():
                    print(f"{name:12} there is no folder {folder}")
            hours = plan.n_fits * PAPER_MINUTES[name] / 60
            print(f"{name:12} {hours:.1f} h on the paper's GPU (Table 16)")


def _print_plan(name: str, plan) -> None:
    from ...utils.checks import counted

    times = f"{counted(plan.n_subjects, 'subject')} x {counted(plan.n_seeds, 'seed')}"
    for row, why in plan.lacks.items():
        print(f"{name:12} {row:24} {why or times}")
    cost = "how long one takes here is known after the first"
    if plan.seconds is not None:
        cost = f"one takes {plan.seconds:.1f} s here"
    fits = counted(plan.n_fits, "fit")
    print(f"{name:12} {fits}, results there: {len(plan.done)}; {cost}")


def _print_encoders(name: str, encoders: list[str]) -> None:
    """Print which weights are here, and how to get the others."""
    from ...images import list_image_encoders

    for encoder, row in list_image_encoders(encoders).iterrows():
        state = "are here"
        if not row["at_hand"]:
            state = (
                f"({4e-9 * row['n_parameters']:.1f} GB) are not here, and fetched at "
                "first use; see mne_brainae image-encoders"
            )
        print(f"{name:12} weights of {encoder} {state}")
