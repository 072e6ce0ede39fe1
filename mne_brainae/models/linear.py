"""The linear BrainAE: solved in closed form, not trained."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from typing import ClassVar

from ..images import ImageEncoder
from ..nn.network import BrainAENetwork, build_network
from ..utils.checks import check_device, check_folder_for_arrays, logger
from ..utils.constraints import integer, options
from ..utils.docs import fill_doc
from .closed_form import ClosedForm, solve
from .directions import CompletesRecordings, EmbedsResponses, PredictsResponses
from .model import Model
from .training_set import TrainingSet


@fill_doc
class LinearBrainAE(PredictsResponses, EmbedsResponses, CompletesRecordings, Model):
    """One latent space for brain responses and images, in closed form.

    The best linear encoder, decoder and image projection are solved for in seconds: the
    predicted response is that of ridge regression along the directions of the response
    that images drive, and distance in the shared space is the likelihood of the
    response.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features when ``images`` are images: ``"gabor"``, the
        name of a network such as ``"clip-vit-l-14"``, or an
        :class:`mne_brainae.ImageEncoder` with the layers to take; see
        :func:`mne_brainae.compute_image_features`. New images pass the same.
    spatial_window : ``"auto"`` | tuple of float | None
        A soft window through which the maps of image features are seen, such as the
        receptive field of neurons or a fixated part: ``(row, column, width)`` as shares
        of the image, or the one of 19 that predicts left-out training images best.
        None is the whole image. Features without the levels ``"row"`` and
        ``"column"`` have no maps, and none is chosen. The levels ``"layer"`` count
        alike in any case.
    n_embedding : int
        The most dimensions that the shared space has.
    n_signal : int | ``"auto"`` | None
        Along how many directions of the response images are told apart, each with a
        ridge penalty of its own; ``"auto"`` is what predicts held-out groups best in
        five folds of the training images, where there are at least 40. None is plain
        ridge regression.
    validation : ``"concept"`` | ``"image"``
        What is held out as a whole in these folds. Without a metadata column
        ``"concept"`` it is images.
    standardize : ``"evoked"`` | ``"channel"``
        Whether the mean response is subtracted inside, or every channel's mean. Both
        divide by the channel's standard deviation and are undone on the way out.
    imputation : ``"gaussian"`` | ``"mean"``
        What ``reconstruct`` lets the encoder see in place of missing entries: what is
        expected given the observed ones, by probabilistic principal components of the
        training epochs, which is also its answer for them, or the mean.
    %(picks)s
    device : str
        Where image features are computed: ``"auto"`` (CUDA, MPS, CPU in this order) or
        a PyTorch device.
    memory_map : path-like | None
        A folder on a disk, where temporary files hold the responses during the fit, for
        recordings larger than memory; None holds them in memory. The weights are the
        same. The files take about four times the averaged responses in float32.
    %(verbose)s

    Attributes
    ----------
    spatial_window_ : tuple of float | None
        The window in use.
    penalty_ : float
        The ridge penalty that all directions share, in units of the mean squared norm
        of an image's features.
    n_signal_ : int | None
        The number of signal axes.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.fit : Fit a model by a named recipe.
    mne_brainae.BrainAE : The network, which may start from this model.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.LinearBrainAE()
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _learned: ClassVar[tuple[str, ...]] = (
        *Model._learned,
        "n_signal_",
        "penalty_",
        "spatial_window_",
    )
    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "spatial_window": [options("auto"), tuple, list, None],
        "n_embedding": [integer(1)],
        "n_signal": [integer(1), options("auto"), None],
        "validation": [options("concept", "image")],
        "standardize": [options("channel", "evoked")],
        "imputation": [options("mean", "gaussian")],
        "device": [str],
        "memory_map": [str, os.PathLike, None],
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        spatial_window="auto",
        n_embedding=128,
        n_signal="auto",
        validation="concept",
        standardize="evoked",
        imputation="gaussian",
        picks=None,
        device="auto",
        memory_map=None,
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.spatial_window = spatial_window
        self.n_embedding = n_embedding
        self.n_signal = n_signal
        self.validation = validation
        self.standardize = standardize
        self.imputation = imputation
        self.picks = picks
        self.device = device
        self.memory_map = memory_map
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together."""
        super().check()
        check_device(self.device)
        check_folder_for_arrays(self.memory_map)

    def _fit(self, epochs, images) -> None:
        data = self._read(epochs, images, memory_map=self.memory_map)
        solution = solve(
            data.training.brain.numpy(),
            data.training.image.numpy(),
            self.n_embedding,
            n_signal=self.n_signal,
            groups=data.groups(self.validation),
            folder=self.memory_map,
        )
        self.spatial_window_ = data.spatial_window
        self.penalty_, self.n_signal_ = solution.penalty, solution.n_signal
        self.selection_ = f"{solution} on {len(data.training)} training images"
        logger.info(
            f"Chose {self.selection_}: {100 * solution.explained:.1f} % of the "
            "variance of responses left out is predicted."
        )
        learned = {"is_white": True}
        if self.imputation == "gaussian":
            learned["imputer"] = data.learn_imputer(epochs)
        self.latent_ = data.to_latent(linear_network(data, solution), **learned)


def linear_network(data: TrainingSet, solution: ClosedForm) -> BrainAENetwork:
    """Return the three maps of a closed form as a network."""
    n_channels, n_times = data.shape
    network = build_network(
        n_channels=n_channels,
        n_times=n_times,
        n_image_features=data.n_features,
        n_embedding=len(solution.image[1]),
        brain_encoder="linear",
        brain_decoder="linear",
        image_projection="linear",
    )
    network.load_affine(solution.image, solution.encoder, solution.decoder)
    return network.eval()
