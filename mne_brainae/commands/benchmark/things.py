"""``mne_brainae benchmark things``: THINGS-EEG2 at full size, with the best decoder."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

#: Pictures that a published template is the mean of, about (THINGS has 12 or more of
#: every concept).
N_TEMPLATES = 12
SHUFFLED = "BrainAE best, images shuffled"
RIDGE = "ridge image to brain"
COLUMNS = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sizes, noise and systems."""
    add = parser.add_argument
    add("--concepts", type=int, default=1654, help="training concepts, 10 images each")
    add("--repetitions", type=int, default=80, help="repetitions of a test image")
    add("--snr", type=float, default=0.001, help="signal to noise of one trial")
    add("--sfreq", type=float, default=100.0, help="sampling rate; memory goes with it")
    systems = ("best", "paper")
    add("--systems", nargs="+", choices=systems, default=["best"], help="recipes")
    add("--epochs", type=int, help="passes of recipe paper; default as published")
    add("--seed", type=int, default=0, help="seed of simulation and training")


def run(given: argparse.Namespace) -> None:
    """Simulate, fit every system, and print accuracies."""
    import mne

    with mne.utils.use_log_level("ERROR"):
        _run(given)


def _run(given: argparse.Namespace) -> None:
    import numpy as np
    import pandas as pd

    from ...datasets import simulate_responses

    rng = np.random.default_rng(given.seed)
    law, gallery, templates, origin = _features(rng)
    train = _index(law.draw(given.concepts, 10, rng), "train")
    data = simulate_responses(
        train,
        gallery,
        law,
        n_test_repetitions=given.repetitions,
        snr=given.snr,
        sfreq=given.sfreq,
        random_state=given.seed,
    )
    print(
        f"{data}\n{origin}. Pictures of a concept share "
        f"{100 * law.concept_share:.0f} % of the variance of features. The "
        f"{len(gallery)} test images of other concepts are means of "
        f"{given.repetitions} repetitions, training images of 4. The best decoder "
        "knows responses, noise and the law of the features.\n"
    )
    rows = {}
    for name, model, similarities in _models(data.train, train, given):
        for similarity in similarities:
            scores = _score(model, data.test, gallery, templates, similarity)
            rows[f"{name}, {similarity}"] = scores
    table = pd.DataFrame(rows, index=COLUMNS).T
    table.loc["chance"] = [1 / len(gallery), 5 / len(gallery)] * 2
    known = templates.droplevel("image")
    best = data.retrieve(gallery.droplevel(0)), data.classify(known, N_TEMPLATES)
    table.loc["best possible"] = _accuracies(*best)
    print(table.to_string(float_format="{:.3f}".format))


def _features(rng) -> tuple:
    """Return the law of features, the test pictures, their templates and the origin."""
    import numpy as np
    import pandas as pd

    from ...datasets import FeatureLaw, things

    try:
        pictures, means = things.read_clip_features()
    except FileNotFoundError:
        law = FeatureLaw.of_a_network()
        drawn = law.draw(200, 1 + N_TEMPLATES, rng)
        pictures, means = drawn[:, 0], drawn[:, 1:].mean(axis=1)
        origin = "All image features are drawn from a law that was made up"
    else:
        law = FeatureLaw.learn(pictures, means)
        origin = (
            "CLIP features of the test images of THINGS-EEG2 and of other images of "
            "their concepts are real; features of the training images are drawn from "
            "the Gaussian law that has their mean and (shrunk) covariance"
        )
    gallery = _index(pictures[:, np.newaxis], "test")
    names = gallery.index.get_level_values("concept")
    index = pd.MultiIndex.from_arrays(
        [names, "mean of others, " + names], names=["concept", "image"]
    )
    return law, gallery, pd.DataFrame(means, index=index), origin


def _index(features, prefix: str):
    """Name features of shape (n_concepts, n_exemplars, n_features)."""
    import pandas as pd

    n_concepts, n_exemplars, n_features = features.shape
    names = [
        (f"{prefix} {concept:04d}", f"{prefix} {concept:04d}/{exemplar}")
        for concept in range(n_concepts)
        for exemplar in range(n_exemplars)
    ]
    index = pd.MultiIndex.from_tuples(names, names=["concept", "image"])
    return pd.DataFrame(features.reshape(-1, n_features), index=index)


def _models(epochs, train, given: argparse.Namespace):
    """Yield every fitted system with the similarities that it is judged by."""
    from ... import LinearEncoder, fit
    from .neurons import shuffle

    features = train.droplevel("concept")
    if "best" in given.systems:
        best = fit(epochs, features, recipe="best", random_state=given.seed)
        yield "BrainAE best", best, ("likelihood", "cosine")
        del best
    if "paper" in given.systems:
        trained = {} if given.epochs is None else {"max_epochs": given.epochs}
        trained |= {"validation": "concept", "random_state": given.seed}
        yield "BrainAE paper", fit(epochs, features, **trained), ("cosine",)
    yield RIDGE, LinearEncoder().fit(epochs, features), ("encoding",)
    wrong = shuffle(features, features.index, given.seed)
    control = fit(epochs, wrong, recipe="best", random_state=given.seed)
    yield SHUFFLED, control, ("likelihood", "cosine")


def _score(model, test, gallery, templates, similarity: str) -> list[float]:
    pictures = gallery.droplevel("concept")
    return _accuracies(
        model.retrieve(test, pictures, similarity=similarity),
        model.classify(test, templates, similarity=similarity),
    )


def _accuracies(*found) -> list[float]:
    return [identification.top_k(k) for identification in found for k in (1, 5)]
