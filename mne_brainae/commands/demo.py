"""``mne_brainae demo``: the main job from end to end, on one screen."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._names import one_of
from ._numbers import count, six

DATA = ("simulated", "macaque_v4")
NEXT = """
Next: your own epochs, with epochs.metadata['image'] naming the images:
  model = mne_brainae.fit(epochs, 'folder/of/images', recipe='best')
  model.predict_evoked('a/new/image.jpg').plot_topomap()"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the demo can be told."""
    add = parser.add_argument
    add(
        "--data",
        **one_of(DATA),
        default="simulated",
        help="the recording",
    )
    add("--session", default="190923", help="session of macaque_v4")
    add("--folds", type=six, default=1, help="test folds of macaque_v4, up to 6")
    add("--seeds", type=count, default=1, help="fits per fold, each with another seed")
    add("--small", action="store_true", help="simulate a recording of seconds' work")
    add("--out", type=Path, default=Path("brainae_demo"), help="folder for results")


def run(given: argparse.Namespace) -> None:
    """Print one table, and save images and the model."""
    import matplotlib as mpl
    import pandas as pd

    from ..benchmark.studies import demo
    from ..utils.tables import as_text

    mpl.use("agg")
    given.out.mkdir(parents=True, exist_ok=True)
    if given.data == "simulated":
        tasks = demo.simulated(is_small=given.small)
    else:
        tasks = demo.neurons(given.session, given.folds)
    tables = []
    for last in demo.measure(tasks, given.seeds):
        tables.append(last.scores)
    results = pd.concat(tables)
    results.to_csv(given.out / f"{given.data}.csv", index_label="score")
    print(f"\n{last.task.name}\n{as_text(demo.summarize(results))}\n")
    print(last.task.note)
    print(last.systems[demo.BEST].retrieve(last.task.averaged, last.task.gallery))
    demo.save(last, given.out)
    print(f"\nSaved in {given.out.resolve()}:")
    print(*(f"  {path.name}" for path in sorted(given.out.iterdir())), sep="\n")
    print(NEXT)
