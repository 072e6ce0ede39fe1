"""A fitted model with the test of its subject, and what several panels need of it."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mne
import pandas as pd

from ...datasets.things import group_concepts
from ...generation import (
    GeneratedPictures,
    fit_prior,
    generate_pictures,
    load_pipeline,
)
from ...generation.generate import TARGET
from ...generation.pipeline import n_adapter_features
from ...generation.prior import Prior
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
#: Responses from which images are painted, in Figure 3d.
N_PAINTED = 8


class NotShownError(Exception):
    """Why a panel cannot be shown of these data."""


@dataclass(frozen=True)
class Painting:
    """How images are painted from responses.

    Parameters
    ----------
    pipeline, adapter : str | Path | None
        As in :func:`mne_brainae.generation.load_pipeline`.
    prior : instance of DiffusionPrior | RidgePrior | None
        As in :func:`mne_brainae.generation.fit_prior`.
    """

    pipeline: str | Path
    adapter: Path | None = None
    prior: Prior | None = None


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
    painting : instance of Painting | None
        How images are painted; None paints none.
    """

    model: Model
    subject: str
    recording: Recording
    painting: Painting | None = None

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

    @cached_property
    def generated(self) -> GeneratedPictures:
        """Images painted from the first responses of the test."""
        painting = self.painting
        if painting is None:
            raise NotShownError(
                "painting takes the weights of SDXL, give --pipeline and --adapter"
            )
        try:
            pipeline = load_pipeline(painting.pipeline, adapter=painting.adapter)
        except (OSError, RuntimeError, ImportError) as error:
            raise NotShownError(str(error)) from error
        features, width = self.recording.features, n_adapter_features(pipeline)
        if features.shape[1] != width:
            raise NotShownError(
                f"the painter takes {width} features, those of {TARGET!r} if it is the "
                f"published one, and {self.recording.encoder!r} has "
                f"{features.shape[1]}; see --image-encoder"
            )
        train = mne.read_epochs(self.recording.train[self.subject], verbose="WARNING")
        prior = fit_prior(self.model, train, features, prior=painting.prior)
        some = self.averaged[: min(N_PAINTED, len(self.averaged))]
        return generate_pictures(
            self.model, some, prior, pipeline=pipeline, n_images=2, random_state=SEED
        )

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
