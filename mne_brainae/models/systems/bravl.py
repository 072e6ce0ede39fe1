"""BraVL: brain, image and text in one variational autoencoder."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from math import prod
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from ...images import ImageEncoder, compute_image_features
from ...images.ready import check_table
from ...images.texts import check_text_encoder, compute_text_features
from ...nn.multimodal import MixtureObjective
from ...preprocessing.scaling import Scaler
from ...utils.checks import counted, five
from ...utils.constraints import integer, options, real
from ...utils.docs import fill_doc
from ..decoding import EmbedsResponses
from ..encoding import PredictsResponses
from ..parts import Training
from ..trained import TrainedModel
from ..training import Pairs
from ..training_set import TrainingSet

#: Parameters that are those of the objective.
OF_OBJECTIVE = ("n_embedding", "n_hidden", "intra", "inter", "n_samples")


@fill_doc
class BraVL(PredictsResponses, EmbedsResponses, TrainedModel):
    """Brain, image and text in one variational autoencoder (BraVL).

    Every modality has an encoder to a Gaussian posterior and a decoder. The joint
    posterior is a mixture of products of these Gaussians, so that any of them alone, or
    several, say where in the latent space a picture is. Images are identified by the
    cosine of posterior means, that of the response alone and that of the image alone;
    responses are predicted by decoding the posterior mean of the image.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        As in :class:`mne_brainae.BrainAE`.
    text : str | ImageEncoder | DataFrame | None
        The third modality, in training only: text vectors of the concepts that
        ``epochs.metadata["concept"]`` names. A network of open_clip, such as
        ``"clip-vit-h-14"``, which reads "a photo of a CONCEPT"; or a table of vectors,
        shape (n_concepts, n_text_features), indexed by concept. None is a model of two
        modalities.
    n_embedding : int
        Dimension F of the latent space.
    n_hidden : int
        Size of the two hidden layers of all encoders and decoders.
    intra, inter : float
        Weights of the two terms of mutual information: within a modality, between the
        latent space and what is decoded from it; and between modalities, by contrast
        with mismatched tuples. 0 switches a term off; with both off this is a mixture
        of products of experts.
    n_samples : int
        Samples of the latent space per mismatched tuple, for ``inter``.
    transductive : path-like | list | dict | DataFrame | None
        Images of the *test*, which every epoch learns from before it learns from
        responses, as the authors have it. The selection and the protocol of every score
        then say so, and such a score stands beside no other. None never sees the test.
    training : instance of Training | None
        How it is trained; None takes the settings of the paper.
    standardize : ``"channel"`` | ``"evoked"``
        As in :class:`mne_brainae.BrainAE`.
    %(picks)s
    device : str
        As in :class:`mne_brainae.BrainAE`.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    history_ : DataFrame, shape (n_epochs, n_terms)
        The terms of the loss for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept.
    slope_ : float
        The part of the predicted deviation from the mean response that holds for images
        held out.
    selection_ : str
        How the model was chosen, in words.
    n_transductive_ : int
        How many images of the test were seen in fit.

    See Also
    --------
    mne_brainae.MB2C
    mne_brainae.ContrastiveDecoder
    mne_brainae.encoding_systems

    Notes
    -----
    At the size of THINGS-EEG2 this system needs a GPU: ``mne_brainae benchmark systems
    --epoch-time --systems bravl mb2c`` printed 142 seconds of one processor core for
    one of 500 epochs. Most of it is the contrast between modalities, ``inter``.

    The equations are those of ``mne_brainae/nn/multimodal.py``. The divergence has the
    weight min(1, 0.01 epoch) in training. The epoch is chosen by the evidence lower
    bound of held-out concepts, with weight 1 and both terms of mutual information left
    out.

    These points differ from the authors' code. The epoch is chosen on held-out
    concepts, and not the last one. All values have a variance of 1, where the authors
    multiply responses, the first 100 principal components of image features and text
    vectors by 2, 50 and 2; the standard deviation of what is decoded is .75 in both.
    Images are compared by the cosine of posterior means, where the authors classify
    samples of the posterior by a support vector machine. The term between modalities is
    a mean over mismatched rows, where they take its exponential by a scale of 1e6,
    which does the same. Computing is in float32. Their responses are 17 posterior
    channels from 0.07 to 0.39 s at 100 Hz: choose them by ``picks``, ``epochs.crop``
    and ``epochs.resample``.

    References
    ----------
    Du, Fu, Li and He (2023), "Decoding visual neural representations by multimodal
    learning of brain-visual-linguistic features".

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.make_model("bravl")
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _learned: ClassVar[tuple[str, ...]] = (*TrainedModel._learned, "n_transductive_")
    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "text": [str, ImageEncoder, pd.DataFrame, None],
        "n_embedding": [integer(1)],
        "n_hidden": [integer(1)],
        "intra": [real(0)],
        "inter": [real(0)],
        "n_samples": [integer(1)],
        "transductive": [str, os.PathLike, list, dict, pd.DataFrame, None],
        "training": [Training, None],
        "standardize": [options("channel", "evoked")],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        text=None,
        n_embedding=32,
        n_hidden=256,
        intra=1e-3,
        inter=1e-3,
        n_samples=30,
        transductive=None,
        training=None,
        standardize="evoked",
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.text = text
        self.n_embedding = n_embedding
        self.n_hidden = n_hidden
        self.intra = intra
        self.inter = inter
        self.n_samples = n_samples
        self.transductive = transductive
        self.training = training
        self.standardize = standardize
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Examples
        --------
        >>> mne_brainae.BraVL().check()
        """
        super().check()
        if isinstance(self.text, str | ImageEncoder):
            check_text_encoder(self.text)

    def _read(self, epochs, images, seed=None, **how) -> TrainingSet:
        data = super()._read(epochs, images, seed, feature_energy=None, **how)
        self.n_transductive_ = 0
        if self.transductive is not None:
            data.unpaired = self._images_of_test(data)
            self.n_transductive_ = len(data.unpaired)
        return data

    def _tell(self, data: TrainingSet) -> None:
        if self.text is not None:
            data.let_know("text", self._texts_of(data))

    def _texts_of(self, data: TrainingSet) -> np.ndarray:
        """Return the text vector of every image's concept, standardized."""
        if "concept" not in data.table:
            raise ValueError(
                "text needs the names of concepts: epochs.metadata has no column "
                "'concept'. Add it, or leave text out."
            )
        concepts = data.table["concept"].astype(str)
        if isinstance(self.text, pd.DataFrame):
            vectors = _check_texts(self.text, concepts)
        else:
            vectors = compute_text_features(concepts, self.text, device=self.device)
        rows = vectors.loc[concepts].to_numpy(np.float32)
        scaler = Scaler.for_features(rows[~data.held_out], energy=None)
        return scaler.transform(rows)

    def _images_of_test(self, data: TrainingSet) -> Pairs:
        """Return images to learn from that no response belongs to."""
        encoder = data.latent["image_encoder"]
        if encoder is None and not isinstance(self.transductive, pd.DataFrame):
            raise ValueError(
                "transductive must be features, as a DataFrame, where the model is "
                f"fitted on ready features, got {type(self.transductive).__name__}."
            )
        features = compute_image_features(
            self.transductive, encoder or self.image_encoder, device=self.device
        )
        if features.shape[1] != data.n_features:
            raise ValueError(
                f"transductive has {features.shape[1]} features per image, but the "
                f"images of fit have {data.n_features}."
            )
        rows = data.latent["image_scaler"].transform(features.to_numpy(np.float32))
        return Pairs(None, torch.from_numpy(rows))

    def _fit(self, epochs, images) -> None:
        super()._fit(epochs, images)
        if self.n_transductive_:
            self.selection_ += f"; transductive: {self._transductive_words}"

    @property
    def _transductive_words(self) -> str:
        images = counted(self.n_transductive_, "image")
        return f"True, every epoch learned from {images} of the test"

    def _say_transductive(self, how: str | None) -> bool | str:
        of_scores = super()._say_transductive(how)
        if not self.n_transductive_:
            return of_scores
        return "; ".join([self._transductive_words, *([of_scores] if how else [])])

    def _make_loss(self, data: TrainingSet) -> MixtureObjective:
        text = data.training.known.get("text")
        return MixtureObjective(
            n_image_features=data.n_features,
            n_text_features=None if text is None else text.shape[1],
            n_brain=prod(data.shape),
            **{name: getattr(self, name) for name in OF_OBJECTIVE},
        )

    def _sizes(self, data: TrainingSet) -> dict:
        n_channels, n_times = data.shape
        part = {"gaussian": {"n_hidden": self.n_hidden}}
        return {
            "n_channels": n_channels,
            "n_times": n_times,
            "n_image_features": data.n_features,
            "n_embedding": self.n_embedding,
            "brain_encoder": part,
            "brain_decoder": part,
            "image_projection": part,
        }


def _check_texts(table: pd.DataFrame, concepts: pd.Series) -> pd.DataFrame:
    """Return a table of text vectors whose index is text; refuse lacking concepts."""
    try:
        vectors = check_table(table, None)
    except (TypeError, ValueError) as error:
        raise type(error)(f"text: {error}") from None
    lacking = sorted(set(concepts) - set(vectors.index))
    if lacking:
        raise ValueError(f"text lacks vectors of these concepts: {five(lacking)}.")
    return vectors
