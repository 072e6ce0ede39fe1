"""Something else than Epochs, and no epochs, wherever Epochs are taken."""

from functools import partial

import mne_brainae as m
from mne_brainae import generation

from .row import BadCall

#: Every call that takes Epochs, with the name that it gives them.
TAKES_EPOCHS = {
    "fit": ("epochs", lambda w, x: m.fit(x, w.features, recipe="linear")),
    "fit best": ("epochs", lambda w, x: m.fit(x, w.features)),
    "BrainAE.fit": ("epochs", lambda w, x: m.BrainAE().fit(x, w.features)),
    "RidgeModel.fit": ("epochs", lambda w, x: m.RidgeModel().fit(x, w.features)),
    "LinearEncodingModel.fit": (
        "epochs",
        lambda w, x: m.LinearEncodingModel().fit(x, w.features),
    ),
    "ContrastiveDecoder.fit": (
        "epochs",
        lambda w, x: m.ContrastiveDecoder().fit(x, w.features),
    ),
    "BraVL.fit": ("epochs", lambda w, x: m.BraVL().fit(x, w.features)),
    "MB2C.fit": ("epochs", lambda w, x: m.MB2C().fit(x, w.features)),
    "NonlinearEncodingModel.fit": (
        "epochs",
        lambda w, x: m.NonlinearEncodingModel().fit(x, w.features),
    ),
    "score": ("epochs", lambda w, x: w.linear.score(x, w.features)),
    "retrieve": ("epochs", lambda w, x: w.linear.retrieve(x, w.features)),
    "classify": ("epochs", lambda w, x: w.linear.classify(x, w.templates)),
    "embed_epochs": ("epochs", lambda w, x: w.linear.embed_epochs(x)),
    "reconstruct": ("epochs", lambda w, x: w.linear.reconstruct(x)),
    "average_repetitions": ("epochs", lambda w, x: m.average_repetitions(x)),
    "average by concept": (
        "epochs",
        lambda w, x: m.average_repetitions(x, by="concept"),
    ),
    "mask_epochs": ("epochs", lambda w, x: m.mask_epochs(x)),
    "split_epochs": ("epochs", lambda w, x: list(m.split_epochs(x, "session"))),
    "band_power": ("epochs", lambda w, x: m.band_power(x)),
    "channel_correlation": ("epochs", lambda w, x: m.channel_correlation(x)),
    "phase_lag": ("epochs", lambda w, x: m.phase_lag(x)),
    "compute_rdm": ("patterns", lambda w, x: m.compute_rdm(x)),
    "compare_rdms_over_time": (
        "epochs",
        lambda w, x: m.compare_rdms_over_time(x, w.rdm),
    ),
    "MVNN.fit": ("epochs", lambda w, x: m.MVNN().fit(x)),
    "MVNN.transform": ("epochs", lambda w, x: w.mvnn.transform(x)),
    "MVNN.inverse_transform": ("epochs", lambda w, x: w.mvnn.inverse_transform(x)),
    "occlude_times": (
        "epochs",
        lambda w, x: m.occlude_times(w.identify, x, w.linear.evoked_),
    ),
    "occlude_channels": (
        "epochs",
        lambda w, x: m.occlude_channels(w.identify, x, w.linear.evoked_),
    ),
    "score_averages": ("epochs", lambda w, x: m.score_averages(w.identify, x)),
    "score_encoding": (
        "epochs",
        lambda w, x: m.score_encoding(x, w.predicted, w.linear.evoked_),
    ),
    "score_encoding predicted": (
        "epochs_predicted",
        lambda w, x: m.score_encoding(w.test, x, w.linear.evoked_),
    ),
    "score_similarity": (
        "epochs",
        lambda w, x: m.score_similarity(x, w.predicted, w.linear.evoked_),
    ),
    "score_similarity predicted": (
        "epochs_predicted",
        lambda w, x: m.score_similarity(w.test, x, w.linear.evoked_),
    ),
    "score_reconstruction": (
        "epochs",
        lambda w, x: m.score_reconstruction(w.linear, x),
    ),
    "score_reconstruction train": (
        "epochs_train",
        lambda w, x: m.score_reconstruction(w.linear, w.test, x),
    ),
    "make_report": ("epochs", lambda w, x: m.make_report(w.linear, x, w.features)),
    "cross_validate": (
        "epochs",
        lambda w, x: m.cross_validate(m.RidgeModel(), x, w.features, by="concept"),
    ),
    "fit_many": (
        "epochs",
        lambda w, x: m.fit_many({"a": x}, w.features, folder=w.folder / "many"),
    ),
    "fit_prior": (
        "epochs",
        lambda w, x: generation.fit_prior(w.linear, x, w.features),
    ),
    "generate_pictures": (
        "epochs",
        lambda w, x: generation.generate_pictures(w.linear, x, w.ridge_prior),
    ),
    "PictureDecoder.fit": (
        "epochs",
        lambda w, x: generation.PictureDecoder().fit(x, w.images),
    ),
    "PictureDecoder.predict": ("epochs", lambda w, x: w.decoder.predict(x)),
}

#: What comes in place of Epochs, and what the answer must say to do.
INSTEAD = {
    "evoked": "EpochsArray",
    "raw": "mne.Epochs(",
    "array": "EpochsArray",
    "empty": "no epochs",
    "list": "concatenate_epochs",
    "None": "None",
}


def _instead(world, what: str):
    made = {"list": [world.train, world.train], "None": None}
    return made[what] if what in made else getattr(world, what)


def _give(call, what: str, world):
    return call(world, _instead(world, what))


def rows():
    """Yield every call with every wrong input."""
    for name, (param, call) in TAKES_EPOCHS.items():
        for what, words in INSTEAD.items():
            if what == "None" and param == "epochs_train":
                continue
            yield BadCall(
                f"{name} of {what}", partial(_give, call, what), (param, words)
            )
