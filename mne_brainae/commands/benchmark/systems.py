"""``mne_brainae benchmark systems``: Table 2 on simulated EEG, with a ceiling."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

#: Systems by name, with the similarity that each is judged by.
SYSTEMS = {
    "BrainAE best, likelihood": ("best", "likelihood"),
    "BrainAE best, cosine": ("best", "cosine"),
    "BrainAE paper, cosine": ("paper", "cosine"),
    "NICE": ("nice", "cosine"),
    "ATM": ("atm", "cosine"),
    "ridge brain to image": ("ridge", "cosine"),
    "ridge image to brain": ("ridge", "encoding"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--concepts", type=int, default=120, help="training concepts, 5 images each")
    add("--test", type=int, default=100, help="test concepts, one image each")
    add("--repetitions", type=int, default=20, help="repetitions of a test image")
    add("--epochs", type=int, help="passes of trained systems; default as published")
    add("--seeds", type=int, default=1, help="fits of every trained system")
    recipes = list(dict.fromkeys(recipe for recipe, _ in SYSTEMS.values()))
    add("--systems", nargs="+", choices=recipes, default=recipes, help="which systems")
    add("--path", help="a folder for the pictures")


def run(given: argparse.Namespace) -> None:
    """Fit every system, and print accuracies with their intervals."""
    import mne

    with mne.utils.use_log_level("ERROR"):
        _run(given)


def _run(given: argparse.Namespace) -> None:
    import pandas as pd

    from ... import average_repetitions, compute_image_features, datasets
    from ...utils.checks import counted

    data = datasets.simulate(
        n_train_concepts=given.concepts,
        n_test_concepts=given.test,
        n_exemplars=5,
        n_templates=5,
        n_test_repetitions=given.repetitions,
        sfreq=250.0,
        tmin=0.0,
        tmax=0.6,
        path=given.path,
        random_state=0,
    )
    features = compute_image_features(data.images, "gabor")
    test = average_repetitions(data.test)
    gallery = features.loc[test.metadata["image"]]
    templates = _templates(data.templates)
    print(
        f"{data}\nGabor features; {len(test)} test images of unseen concepts, averaged "
        f"over {counted(given.repetitions, 'repetition')}; trained systems keep the "
        "epoch with the least loss on held-out concepts; mean of "
        f"{counted(given.seeds, 'seed')}.\n"
    )
    rows = {}
    for recipe in given.systems:
        models = _fit(recipe, data.train, features, given)
        for name, (of, similarity) in SYSTEMS.items():
            if of == recipe:
                rows[name] = _score(models, test, gallery, templates, similarity)
    table = pd.DataFrame(rows).T
    table.loc["chance"] = [1 / len(test), 5 / len(test)] * 2
    best = [data.best_top1, data.best_top5]
    table.loc["best possible"] = [*best, float("nan"), float("nan")]
    print(table.to_string(float_format="{:.3f}".format, na_rep="-"))


def _templates(folder):
    """Return features of the templates by concept and file."""
    import pandas as pd

    from ... import compute_image_features

    tables = {
        concept.name: compute_image_features(concept, "gabor")
        for concept in sorted(folder.iterdir())
    }
    return pd.concat(tables, names=["concept", "image"])


def _fit(recipe: str, epochs, features, given: argparse.Namespace) -> list:
    from ... import RidgeModel, fit

    if recipe == "ridge":
        return [RidgeModel().fit(epochs, features)]
    trained = {} if recipe == "best" else {"validation": "concept"}
    if given.epochs and trained:
        trained |= {"max_epochs": given.epochs, "min_updates": 1}
    seeds = range(given.seeds if trained else 1)
    return [
        fit(epochs, features, recipe=recipe, random_state=seed, **trained)
        for seed in seeds
    ]


def _score(models, test, gallery, templates, similarity: str) -> dict:
    """Return the accuracies of one system, mean over its seeds."""
    import numpy as np

    scores = []
    for model in models:
        found = model.retrieve(test, gallery, similarity=similarity)
        named = model.classify(test, templates, similarity=similarity)
        scores.append([x.top_k(k) for x in (found, named) for k in (1, 5)])
    columns = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")
    return dict(zip(columns, np.mean(scores, axis=0), strict=True))
