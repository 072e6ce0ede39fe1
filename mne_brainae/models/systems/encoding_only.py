"""From pictures to brain responses, and no way back."""

# License: BSD-3-Clause

from __future__ import annotations

from ...scoring.identification import Identification
from ...utils.docs import fill_doc
from ..brainae import BrainAE


class EncodingOnly(BrainAE):
    """A BrainAE whose brain encoder is missing.

    What needs one is refused; pictures are identified by their predicted responses.
    """

    def _refuse(self, what: str):
        raise RuntimeError(
            f"{type(self).__name__} cannot {what}: it predicts responses from pictures "
            "and has no brain encoder. Fit mne_brainae.BrainAE for that."
        )

    def _learn_noise(self, validation) -> None:
        """Learn no noise of embeddings: no response is embedded."""

    def _compare(self, epochs, z_image, similarity: str):
        if similarity != "encoding":
            self._refuse(f"compare by similarity={similarity!r}")
        return super()._compare(epochs, z_image, similarity)

    def embed_epochs(self, epochs):
        """Refuse: there is no brain encoder.

        Parameters
        ----------
        epochs : instance of Epochs
            Any responses; a RuntimeError follows.
        """
        self._refuse("embed responses")

    def reconstruct(self, epochs, *, output="epochs"):
        """Refuse: there is no brain encoder.

        Parameters
        ----------
        epochs : instance of Epochs
            Any responses; a RuntimeError follows.
        output : ``"epochs"`` | ``"array"``
            Not used.
        """
        self._refuse("reconstruct responses")

    def save(self, fname, *, overwrite=False, verbose=None) -> None:
        """Refuse: the model file is that of BrainAE.

        Parameters
        ----------
        fname : path-like
            Any file; a RuntimeError follows.
        overwrite : bool
            Not used.
        verbose : bool | str | int | None
            Not used.
        """
        self._refuse("be saved in the file of a BrainAE")

    @fill_doc
    def retrieve(
        self, epochs, candidates=None, *, similarity="encoding"
    ) -> Identification:
        """Find the picture whose predicted response is most like the measured one.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true pictures.
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as in :meth:`mne_brainae.BrainAE.retrieve`.
        similarity : ``"encoding"``
            Pearson correlation of measured and predicted responses, standardised.

        Returns
        -------
        identification : instance of Identification
            Similarities, ranks, accuracy and protocol.
        """
        return super().retrieve(epochs, candidates, similarity=similarity)

    @fill_doc
    def classify(self, epochs, templates, *, similarity="encoding") -> Identification:
        """Find the concept whose predicted response is most like the measured one.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata`` needs columns ``"image"`` and ``"concept"``.
        templates : path-like | dict | DataFrame
            Other pictures of the concepts, as in :meth:`mne_brainae.BrainAE.classify`.
        similarity : ``"encoding"``
            Pearson correlation of measured and predicted responses, standardised.

        Returns
        -------
        identification : instance of Identification
            Similarities to the response predicted from every concept's mean template.
        """
        return super().classify(epochs, templates, similarity=similarity)
