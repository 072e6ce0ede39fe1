"""The scores that the paper's tables have as columns, and their controls."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from dataclasses import dataclass

import mne
import numpy as np

from ...models.fingerprints import fingerprint_epochs, fingerprint_images
from ...preprocessing.averaging import average_repetitions
from ...preprocessing.epochs import read_array
from ...preprocessing.regions import channel_regions
from ...scoring.correlation import correlate
from ...scoring.encoding import (
    CEILING,
    MEAN,
    PREDICTION,
    score_encoding,
)
from ...utils.checks import pick_channels
from ...utils.fingerprint import fingerprint
from .recordings import Recording

#: Column: heading, digits after the point.
COLUMNS = {
    "mse all": ("MSE, all channels", 3),
    "r all": ("Pearson's r, all channels", 3),
    "r over images all": ("r over images, all channels", 3),
    "mse visual": ("MSE, visual channels", 3),
    "r visual": ("Pearson's r, visual channels", 3),
    "r over images visual": ("r over images, visual channels", 3),
    "classification top-1": ("classification top-1 (%)", 1),
    "classification top-5": ("classification top-5 (%)", 1),
    "retrieval top-1": ("retrieval top-1 (%)", 1),
    "retrieval top-5": ("retrieval top-5 (%)", 1),
    "training time": ("training time per subject (min)", 3),
    "test time": ("test time per trial (s)", 7),
}
ENCODING = {"mse": "mse", "r": "r_pattern", "r over images": "r_images"}
CHANCE, SHUFFLED = "chance", "images shuffled"
SINGLE, OTHERS = "reference, single trials", "reference, fitted to other subjects"
#: What every table has below its rows.
CONTROLS = (MEAN, CEILING, CHANCE, SHUFFLED, SINGLE, OTHERS)
N_SPLITS = 20


@dataclass
class Scorer:
    """Score a fitted model on the test of one subject.

    Parameters
    ----------
    recording : instance of Recording
        The data.
    columns : tuple of str
        What is scored.
    """

    recording: Recording
    columns: tuple[str, ...]

    def __call__(self, model, subject: str) -> dict[str, float]:
        """Return one number per score; controls are named ``score | control``.

        Parameters
        ----------
        model : instance of BrainAE
            A fitted model.
        subject : str
            The subject that it was fitted to.

        Returns
        -------
        scores : dict of float
            Accuracies are in percent, as in the paper.
        """
        test = mne.read_epochs(self.recording.test[subject], verbose="WARNING")
        parts = {column.rpartition(" ")[2] for column in self.columns}
        scores = {}
        for part in ("all", "visual"):
            if part in parts:
                scores |= self._encoding(model, test, part)
        averaged = average_repetitions(test, verbose="WARNING")
        gallery = self.recording.features.loc[averaged.metadata["image"].unique()]
        for task in ("classification", "retrieval"):
            if f"{task} top-1" in self.columns:
                if task == "retrieval":
                    identify, among = model.retrieve, gallery
                else:
                    identify, among = model.classify, self.recording.templates[subject]
                scores |= _accuracies(identify(averaged, among), task)
                single = _accuracies(identify(test, among), task)
                scores |= {
                    f"{k} | {SINGLE}": v for k, v in single.items() if "|" not in k
                }
        if "test time" in self.columns:
            scores["test time"] = _seconds(model, averaged)
        return scores

    def fingerprint(self, subject: str) -> str:
        """Return what changes when the test of a subject does, or what is scored.

        Parameters
        ----------
        subject : str
            The subject. What is known of others does not matter.

        Returns
        -------
        fingerprint : str
            A short text.
        """
        test = self.recording.test[subject]
        templates = self.recording.templates.get(subject)
        return fingerprint(
            self.columns,
            N_SPLITS,
            fingerprint_epochs(test),
            fingerprint_images(test, self.recording.features),
            templates,
        )

    def _encoding(self, model, test, part: str) -> dict[str, float]:
        picks = None
        if part == "visual":
            regions = channel_regions(test.info)
            # Neither of the two is an error, and not a score of all channels.
            picks = regions["visual" if "visual" in regions else "IT"]
        images = test.metadata["image"].unique()
        predicted = model.predict_epochs(self.recording.features.loc[images])
        table = score_encoding(
            test,
            predicted,
            model.evoked_,
            picks=picks,
            n_splits=N_SPLITS,
            n_bootstraps=0,
            random_state=0,
            verbose="WARNING",
        ).table
        scores = {}
        for name, column in ENCODING.items():
            scores[f"{name} {part}"] = table.loc[PREDICTION, column]
            for control in (MEAN, CEILING):
                scores[f"{name} {part} | {control}"] = table.loc[control, column]
        single = _encode_single(test, predicted, picks)
        return scores | {f"{k} {part} | {SINGLE}": v for k, v in single.items()}


def _encode_single(test, predicted, picks) -> dict[str, float]:
    """Score predictions against single trials, mean over all of them."""
    guesses = read_array(predicted, pick_channels(predicted.info, picks))
    picks = pick_channels(test.info, picks or predicted.ch_names)
    shown = test.metadata["image"].to_numpy()
    mse, r = [], []
    for image, guess in zip(predicted.metadata["image"], guesses, strict=True):
        trials = read_array(test[np.flatnonzero(shown == image)], picks)
        mse += list(np.square(trials - guess, dtype=np.float64).mean(axis=(1, 2)))
        r += list(correlate(trials, guess[None], axis=(1, 2)))
    return {"mse": np.mean(mse), "r": np.mean(r)}


def _accuracies(found, task: str) -> dict[str, float]:
    scores = {}
    for k in (1, 5):
        if k > len(found.candidates):
            continue
        scores[f"{task} top-{k}"] = 100 * found.top_k(k)
        scores[f"{task} top-{k} | {CHANCE}"] = 100 * found.chance(k)
    return scores


def _seconds(model, epochs: mne.BaseEpochs) -> float:
    """Return the time that embedding one response takes, the best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.embed_epochs(epochs)
        times.append(time.perf_counter() - start)
    return min(times) / len(epochs)
