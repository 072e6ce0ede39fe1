"""MB2C: contrast on mixed batches, and a cycle between both embeddings."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from ...nn.cycle import CycleObjective
from ...utils.checks import logger
from ...utils.constraints import real
from ...utils.docs import fill_doc
from ..training_set import TrainingSet
from .contrastive import ContrastiveDecoder

#: Parameters of ContrastiveDecoder that other systems have.
OTHER = ("choose_by", "mmd", "regression", "smooth_augmentation")


@fill_doc
class MB2C(ContrastiveDecoder):
    """Align responses and images by contrast and by a cycle through both (MB2C).

    It is a :class:`mne_brainae.ContrastiveDecoder` that also learns two generators,
    from the embedding of a response to that of its image and back. The cycle there and
    back has to end where it began, and critics judge what the generators make. A part
    of every batch is mixed with images of other concepts. It decodes only.

    Parameters
    ----------
    brain_encoder, image_encoder : str | dict | Module | ImageEncoder | callable
        As in :class:`mne_brainae.BrainAE`.
    image_projection : ``"identity"`` | ``"linear"`` | ``"mlp"`` | dict | Module
        As in :class:`mne_brainae.ContrastiveDecoder`.
    n_embedding : int | None
        The dimension of the shared space; None is the number of image features.
    cycle : float
        Weight of the cycle term. 0 leaves generators and critics out.
    adversarial : float
        Weight of the critics' scores, for critics and generators.
    auxiliary : float
        Weight of naming the concept, for critics and generators. Where the epochs have
        no column ``"concept"`` nothing is named, and ``selection_`` says so.
    mixup : float
        Share of every batch that is mixed with images of other concepts, and appended
        to it.
    temperature, learn_temperature, symmetric : float | bool
        As in :class:`mne_brainae.ContrastiveDecoder`.
    normalize_brain : bool
        As in :class:`mne_brainae.ContrastiveDecoder`.
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
    temperature_ : float
        The temperature in use, learned or fixed.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.BraVL
    mne_brainae.ContrastiveDecoder
    mne_brainae.encoding_systems

    Notes
    -----
    At the size of THINGS-EEG2 this system needs a GPU: ``mne_brainae benchmark systems
    --epoch-time --systems bravl mb2c`` printed 282 seconds of one processor core for
    one of 200 epochs. Most of it is the critics, who learn five times per batch.

    The equations are those of ``mne_brainae/nn/cycle.py``. With ``cycle``,
    ``adversarial``, ``auxiliary`` and ``mixup`` of 0 it is ``recipe="nice"`` with a
    trained image projection, weight for weight. As the authors do, the epoch is chosen
    by contrast and cycle together, of whole concepts here (``validation="image"`` and
    ``validation_size=740`` are theirs). They train for at most 1000 epochs with a
    patience of 100; the recipe has 200. A batch of 2048 has 3584 rows with those that
    are mixed. The cycle runs through unit vectors: there the published weight makes it
    about as large as the contrast, and the hyperbolic tangent, which ends the generator
    of images, can reach them. With embeddings of free norm it would outweigh the
    contrast, and they would all become one.

    References
    ----------
    Wei, Cao, Li and Dong (2024), "MB2C: multimodal bidirectional cycle consistency for
    learning robust visual neural representations".

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.make_model("mb2c")
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        **{
            name: allowed
            for name, allowed in ContrastiveDecoder._parameter_constraints.items()
            if name not in OTHER
        },
        "cycle": [real(0)],
        "adversarial": [real(0)],
        "auxiliary": [real(0)],
        "mixup": [real(0, 1)],
    }

    def __init__(
        self,
        *,
        brain_encoder="nice",
        image_encoder="gabor",
        image_projection="mlp",
        n_embedding=None,
        cycle=100.0,
        adversarial=1.0,
        auxiliary=1.0,
        mixup=0.75,
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
        normalize_brain=True,
        training=None,
        standardize="channel",
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        super().__init__(
            brain_encoder=brain_encoder,
            image_encoder=image_encoder,
            image_projection=image_projection,
            n_embedding=n_embedding,
            temperature=temperature,
            learn_temperature=learn_temperature,
            symmetric=symmetric,
            normalize_brain=normalize_brain,
            choose_by="loss",
            training=training,
            standardize=standardize,
            picks=picks,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.cycle = cycle
        self.adversarial = adversarial
        self.auxiliary = auxiliary
        self.mixup = mixup

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Raises
        ------
        ValueError
            If the generators of the cycle are trained though the cycle counts 0.

        Examples
        --------
        >>> mne_brainae.MB2C(cycle=0.5).check()
        """
        super().check()
        if not self.cycle and (self.adversarial or self.auxiliary):
            raise ValueError(
                f"adversarial={self.adversarial} and auxiliary={self.auxiliary} train "
                "the generators of the cycle, and have no effect with cycle=0. Set "
                "them to 0, too."
            )

    def _tell(self, data: TrainingSet) -> None:
        if "concept" in data.table:
            data.let_know("concept", _numbers(data))

    def _fit(self, epochs, images) -> None:
        super()._fit(epochs, images)
        if self.auxiliary and "concept" not in epochs.metadata:
            lacks = "no concepts are known, and none are named (auxiliary)"
            logger.info(f"epochs.metadata has no column 'concept': {lacks}.")
            self.selection_ += f"; {lacks}"

    def _make_loss(self, data: TrainingSet) -> CycleObjective:
        concepts = data.training.known.get("concept")
        return CycleObjective(
            **self._of_loss(),
            n_embedding=self._sizes(data)["n_embedding"],
            n_concepts=None if concepts is None else int(concepts.max()) + 1,
            cycle=self.cycle,
            adversarial=self.adversarial,
            auxiliary=self.auxiliary,
            mixup=self.mixup,
        )


def _numbers(data: TrainingSet) -> np.ndarray:
    """Return the number of every image's concept; -1 for concepts that are held out."""
    known = data.learned["concept"].astype(str).unique()
    return pd.Index(known).get_indexer(data.table["concept"].astype(str))
