"""A fitted model with the test of its subject, and what several panels need of it."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import mne
import pandas as pd

from ...datasets.things import group_concepts
from ...models.model import Model
from ...preprocessing.averaging import average_repetitions
from ...preprocessing.regions import channel_regions
from ...scoring.encoding import EncodingScores, score_encoding
from ...scoring.identification import Identification
from ...scoring.rsa import CategoryContrast, compute_rdm, contrast_categories
from ...scoring.similarity import ResponseSimilarity, score_similarity
from .recordings import Recording

#: The areas of Figure 2a.
REGIONS = ("occipital", "temporal", "parietal")
SEED = 0


class NotShownError(Exception):
    """Why a panel cannot be shown of these data."""


@dataclass
class Fitted:
    """A fitted model and the test of its subject.

    Parameters
    ----------
    model : instance of BrainAE
        The model.
    subject : str
        The subject.
    recording : instance of Recording
        The data.
    """

    model: Model
    subject: str
    recording: Recording

    @cached_property
    def test(self) -> mne.BaseEpochs:
        """The single trials of the test."""
        return mne.read_epochs(self.recording.test[self.subject], verbose="WARNING")

    @cached_property
    def averaged(self) -> mne.BaseEpochs:
        """One response per test image."""
        return average_repetitions(self.test, verbose="WARNING")

    @cached_property
    def predicted(self) -> mne.BaseEpochs:
        """The predicted responses."""
        names = self.averaged.metadata["image"]
        return self.model.predict_epochs(self.recording.features.loc[names])

    @cached_property
    def regions(self) -> dict[str, list[str]]:
        """The channels by region, each in one."""
        regions = channel_regions(self.test.info)
        return {name: of for name, of in regions.items() if name != "visual"}

    @cached_property
    def similarity(self) -> ResponseSimilarity:
        """How alike measured and predicted responses are."""
        regions = {name: self.regions[name] for name in REGIONS if name in self.regions}
        return score_similarity(
            self.averaged,
            self.predicted,
            self.model.evoked_,
            regions=regions or self.regions,
            verbose="WARNING",
        )

    @cached_property
    def encoding(self) -> EncodingScores:
        """The encoding scores of every channel and time."""
        return score_encoding(
            self.test,
            self.predicted,
            self.model.evoked_,
            n_splits=1,
            n_bootstraps=0,
            random_state=SEED,
            verbose="WARNING",
        )

    @cached_property
    def contrast(self) -> CategoryContrast:
        """Embeddings within and between the categories of concepts."""
        table = self.averaged.metadata.set_index("image")
        if "category" in table:
            categories = table["category"]
        else:
            categories = _things_categories(table["concept"])
        rdm = compute_rdm(self.model.embed_epochs(self.averaged))
        try:
            return contrast_categories(rdm, categories, random_state=SEED)
        except ValueError as error:  # too few images of too few categories
            raise NotShownError(str(error)) from error

    def identify(self, epochs: mne.BaseEpochs) -> Identification:
        """Classify epochs, as the top-1 accuracy of the paper's figures.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses to the test images.

        Returns
        -------
        found : instance of Identification
            The concepts.
        """
        return self.model.classify(epochs, self.recording.templates[self.subject])


def _things_categories(concepts: pd.Series) -> pd.Series:
    try:
        groups = group_concepts(concepts, verbose="WARNING")
    except (OSError, RuntimeError, ValueError) as error:
        raise NotShownError(
            "needs the categories of THINGS, see mne_brainae.datasets.things.fetch: "
            f"{error}"
        ) from error
    return concepts.map(groups).dropna()
