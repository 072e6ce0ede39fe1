"""From brain embeddings to image embeddings: P(z_I' | z_B) of equation 6."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from ..images.pairing import match_names
from ..models.checkpoint import history_table
from ..models.file import load_weights
from ..models.fingerprints import fingerprint_fit
from ..models.linear_map import ALPHAS, LinearMap, check_alphas
from ..models.parts import check_size
from ..models.training import warn_if_interrupted
from ..preprocessing.scaling import FEATURE_ENERGY, Scaler
from ..preprocessing.splits import hold_out
from ..utils.checks import (
    check_device,
    check_finite,
    check_new_file,
    check_old_file,
    check_real,
    logger,
    resolve_device,
    seed_from,
    verbose,
)
from ..utils.constraints import (
    below_1,
    checked,
    integer,
    options,
    positive,
    real,
)
from ..utils.docs import fill_doc
from ..utils.files import (
    as_group,
    read_arrays,
    take_group,
    write_arrays,
)
from ..utils.names import texts
from ..utils.torch_state import own_random_numbers, own_state
from .denoiser import Denoiser
from .diffusion import (
    PREDICTIONS,
    SAMPLERS,
    DiffusionTraining,
    noise_schedule,
    sample,
    train,
)

PRIOR_FILE = {"kind": "prior", "version": 2}


class Prior(BaseEstimator):
    """What both priors share: pairs by name, standardized, and back."""

    def _learn_scales(self, brain, image) -> tuple[np.ndarray, np.ndarray]:
        """Return standardized rows of both sides."""
        brain, image = _paired(brain, image)
        self._brain_scaler, self._image_scaler = _unit(brain), _unit(image)
        return self._brain_scaler.transform(brain), self._image_scaler.transform(image)

    def _condition(self, brain) -> np.ndarray:
        check_is_fitted(self, "_brain_scaler")
        rows = _as_rows(brain, "brain")
        n_features = len(self._brain_scaler.mean)
        if rows.ndim != 2 or rows.shape[1] != n_features:
            raise ValueError(
                f"brain must have shape (n, {n_features}), as at fit, got {rows.shape}."
            )
        check_finite(rows, "brain")
        return self._brain_scaler.transform(rows)

    @verbose
    @fill_doc
    def save(self, fname, *, overwrite: bool = False, verbose=None) -> None:
        """Write the prior to one safetensors file.

        Parameters
        ----------
        %(new_safetensors)s
        %(verbose)s

        See Also
        --------
        mne_brainae.generation.read_prior

        Examples
        --------
        >>> prior.save("prior.safetensors")  # doctest: +SKIP
        """
        check_is_fitted(self, "_brain_scaler")
        fname = check_new_file(fname, ".safetensors", overwrite=overwrite)
        arrays, header = self._contents()
        arrays |= as_group("brain", vars(self._brain_scaler))
        arrays |= as_group("image", vars(self._image_scaler))
        header |= {
            **PRIOR_FILE,
            "class": type(self).__name__,
            "written_by": f"mne_brainae {__version__}, torch {torch.__version__}",
        }
        write_arrays(fname, arrays, header)
        logger.info(f"Wrote {fname}.")


def _unit(rows: np.ndarray) -> Scaler:
    """Return the scaler to mean 0 and variance 1.

    Diffusion adds noise of variance 1 to every dimension, to which unit vectors of a
    thousand dimensions would be lost at the first steps.
    """
    return Scaler.for_features(rows, np.full(rows.shape[1], FEATURE_ENERGY**-0.5))


def _paired(brain, image) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows by name where both sides have names, else one by one."""
    if isinstance(brain, pd.DataFrame) and isinstance(image, pd.DataFrame):
        image = image.iloc[match_names(brain.index, image.index, "image")]
    brain, image = _as_rows(brain, "brain"), _as_rows(image, "image")
    if brain.ndim != 2 or image.ndim != 2 or len(brain) != len(image):
        raise ValueError(
            "brain and image must be DataFrames indexed by image name, or arrays with "
            f"one row per picture, got shapes {brain.shape} and {image.shape}."
        )
    if len(brain) < 4:
        raise ValueError(
            f"Expected at least 4 pictures to learn from, got {len(brain)}."
        )
    check_finite(brain, "brain")
    check_finite(image, "image")
    return brain, image


def _as_rows(rows, name: str) -> np.ndarray:
    """Return embeddings as a new float32 array, after a check for numbers."""
    if not isinstance(rows, pd.DataFrame | np.ndarray):
        raise TypeError(
            f"{name} must be embeddings, a DataFrame or an array of shape (n, "
            f"n_features), got {type(rows).__name__}."
        )
    rows = np.asarray(rows)
    check_real(rows, name)
    return rows.astype(np.float32)


class RidgePrior(Prior):
    """Ridge regression from brain embeddings to image embeddings.

    The baseline that a diffusion prior has to beat: the mean of what was seen given the
    response, as far as it is linear, without its spread.

    Parameters
    ----------
    alphas : array-like
        Ridge penalties to choose from by leave-one-out.

    Attributes
    ----------
    alpha_ : float
        The penalty that was chosen, for standardized embeddings.

    See Also
    --------
    mne_brainae.generation.DiffusionPrior
    mne_brainae.generation.fit_prior
    mne_brainae.generation.read_prior

    Examples
    --------
    >>> from mne_brainae import generation
    >>> prior = generation.RidgePrior().fit(model.embed_epochs(averaged), unseen)
    """

    _parameter_constraints: ClassVar[dict] = {"alphas": ["array-like"]}

    def __init__(self, *, alphas=ALPHAS):
        self.alphas = alphas

    def fit(self, brain, image, groups=None):
        """Learn the regression.

        Parameters
        ----------
        brain : DataFrame | array, shape (n_images, n_brain)
            Brain embeddings, as :meth:`mne_brainae.BrainAE.embed_epochs` returns them.
        image : DataFrame | array, shape (n_images, n_features)
            Image embeddings; DataFrames are paired by their index.
        groups : array-like | None
            Not used: leave-one-out needs no held-out concepts.

        Returns
        -------
        self : instance of RidgePrior
            The fitted prior.

        See Also
        --------
        mne_brainae.generation.fit_prior

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.generation import RidgePrior
        >>> rng = np.random.default_rng(0)
        >>> prior = RidgePrior().fit(rng.random((20, 4)), rng.random((20, 5)))
        """
        self._validate_params()
        check_alphas(self.alphas)
        brain, image = self._learn_scales(brain, image)
        self._ridge = LinearMap.fit(brain, image, self.alphas)
        return self

    @property
    def alpha_(self) -> float:
        """The penalty that was chosen."""
        check_is_fitted(self, "_ridge")
        return self._ridge.alpha

    @checked(n_samples=[integer(1)])
    def sample(self, brain, n_samples: int = 1, *, random_state=None) -> np.ndarray:
        """Return the prediction, as often as asked.

        Parameters
        ----------
        brain : DataFrame | array, shape (n, n_brain)
            Brain embeddings.
        n_samples : int
            How many samples per embedding, all the same.
        random_state : object
            Not used.

        Returns
        -------
        image : array, shape (n, n_samples, n_features)
            Image embeddings.

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.generation import RidgePrior
        >>> rng = np.random.default_rng(0)
        >>> prior = RidgePrior().fit(rng.random((20, 4)), rng.random((20, 5)))
        >>> prior.sample(rng.random((3, 4)), n_samples=2).shape
        (3, 2, 5)
        """
        condition = self._condition(brain)
        rows = self._ridge.predict(condition)
        rows = self._image_scaler.inverse_transform(rows)
        return np.repeat(rows[:, None], n_samples, axis=1)

    def _contents(self) -> tuple[dict, dict]:
        params = {"alphas": [float(alpha) for alpha in self.alphas]}
        return as_group("ridge", vars(self._ridge)), {"params": params}

    def _restore(self, arrays: dict, header: dict) -> None:
        self._ridge = LinearMap(**take_group("ridge", arrays))


@fill_doc
class DiffusionPrior(Prior):
    """Samples image embeddings given brain embeddings, by diffusion.

    Parameters
    ----------
    widths : sequence of int
        Units of the levels of the denoiser, from the outside in.
    dropout : float
        Share of the units that are dropped in training.
    prediction : ``"velocity"`` | ``"sample"`` | ``"epsilon"``
        Whether the denoiser predicts the embedding, the noise in it, or the mix of both
        that is the easier one at every step (Salimans and Ho, 2022).
    n_diffusion_steps : int
        Steps from embedding to noise.
    drop_condition : float
        Share of the pairs whose brain embedding is hidden in training, which is what
        guidance and sampling without a brain need.
    learning_rate : float
        Adam's step size after ``warm_up`` updates, from where it falls as a cosine.
    warm_up : int
        Updates over which the step size rises, at most a fifth of all.
    ema : float
        Decay of the running mean of the weights, which is what is kept.
    batch_size : int
        Pairs per update.
    max_epochs : int
        Passes over the pairs. Training ends when 20 have brought no better validation
        loss.
    min_updates : int
        Small sets are passed over more often, until there are this many updates.
    validation_size : float | int
        Share or number of pictures held out to choose the epoch, whole concepts where
        ``groups`` are given.
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    checkpoint : path-like | None
        A file that the state is written to after every epoch. A fit that was killed
        goes on from it to the same result.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    denoiser_ : Module
        The denoiser, in evaluation mode.
    history_ : DataFrame, shape (n_epochs, 2)
        The loss in training, ``train_total``, and in validation, ``validation_total``.
    best_epoch_ : int
        The epoch whose weights were kept.

    See Also
    --------
    mne_brainae.generation.RidgePrior
    mne_brainae.generation.fit_prior
    mne_brainae.generation.read_prior

    Notes
    -----
    Section 4.4.3 and appendix D.2 of the paper name a U-Net-based prior and no more.
    Layout, schedule, warm-up, clipping and dropped conditions are those of ATM (Li et
    al., 2024), with three differences: embeddings are standardized; the velocity is
    predicted and not the noise; and pictures are held out to choose the epoch.

    Examples
    --------
    >>> from mne_brainae import generation
    >>> prior = generation.DiffusionPrior(max_epochs=10, random_state=0)
    >>> prior.fit(model.embed_epochs(averaged), targets)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "widths": [list, tuple],
        "dropout": [below_1()],
        "prediction": [options(*PREDICTIONS)],
        "n_diffusion_steps": [integer(2)],
        "drop_condition": [below_1()],
        "learning_rate": [positive()],
        "warm_up": [integer(0)],
        "ema": [below_1()],
        "batch_size": [integer(1)],
        "max_epochs": [integer(1)],
        "min_updates": [integer(0)],
        "validation_size": [positive()],
        "device": [str],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        widths=(1024, 512, 256, 128, 64),
        dropout=0.1,
        prediction="velocity",
        n_diffusion_steps=1000,
        drop_condition=0.1,
        learning_rate=1e-3,
        warm_up=500,
        ema=0.999,
        batch_size=1024,
        max_epochs=150,
        min_updates=1500,
        validation_size=0.1,
        device="auto",
        checkpoint=None,
        random_state=None,
        verbose=None,
    ):
        self.widths = widths
        self.dropout = dropout
        self.prediction = prediction
        self.n_diffusion_steps = n_diffusion_steps
        self.drop_condition = drop_condition
        self.learning_rate = learning_rate
        self.warm_up = warm_up
        self.ema = ema
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.min_updates = min_updates
        self.validation_size = validation_size
        self.device = device
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @own_state()
    @verbose
    def fit(self, brain, image, groups=None, *, verbose=None):
        """Train the prior.

        Parameters
        ----------
        brain : DataFrame | array, shape (n_images, n_brain)
            Brain embeddings, as :meth:`mne_brainae.BrainAE.embed_epochs` returns them.
        image : DataFrame | array, shape (n_images, n_features)
            Image embeddings; DataFrames are paired by their index.
        groups : array-like, shape (n_images,) | None
            The concept of every picture, so that whole concepts are held out.
        verbose : bool | str | int | None
            Control verbosity of the logging output.

        Returns
        -------
        self : instance of DiffusionPrior
            The fitted prior.

        See Also
        --------
        mne_brainae.generation.fit_prior

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.generation import DiffusionPrior
        >>> rng = np.random.default_rng(0)
        >>> prior = DiffusionPrior(
        ...     widths=(8, 4), max_epochs=1, min_updates=0, device="cpu"
        ... )
        >>> prior = prior.fit(
        ...     rng.standard_normal((20, 4)), rng.standard_normal((20, 5))
        ... )
        """
        self._check_params()
        brain, image = self._learn_scales(brain, image)
        seed = seed_from(self.random_state)
        is_held_out = self._hold_out(len(brain), groups, seed)
        pairs, held_out = (
            (torch.from_numpy(brain[part]), torch.from_numpy(image[part]))
            for part in (~is_held_out, is_held_out)
        )
        device = resolve_device(self.device)
        with own_random_numbers(seed):
            self.denoiser_ = self._build(brain.shape[1], image.shape[1])
        batch_size = min(self.batch_size, max(len(pairs[0]) // 8, 16))
        n_batches = -(-len(pairs[0]) // batch_size)
        max_epochs = max(self.max_epochs, -(-self.min_updates // n_batches))
        training = DiffusionTraining(
            self.denoiser_,
            noise_schedule(self.prediction, self.n_diffusion_steps),
            max_epochs * n_batches,
            self.get_params(),
            device,
        )
        state = train(
            training,
            pairs,
            held_out,
            batch_size=batch_size,
            max_epochs=max_epochs,
            seed=seed,
            checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
            fingerprint=fingerprint_fit(self, brain, image, is_held_out, seed=seed),
        )
        self.denoiser_ = training.mean.cpu()
        warn_if_interrupted(state, max_epochs)
        self.history_ = history_table(state)
        self.best_epoch_ = state.best_epoch
        self._seed = seed
        return self

    def _check_params(self) -> None:
        self._validate_params()
        check_device(self.device)
        check_size(self.validation_size)
        are_widths = all(isinstance(n, Integral) and n > 0 for n in self.widths)
        if len(self.widths) < 2 or not are_widths:
            raise ValueError(
                "widths must be two positive integers or more, such as (64, 32), got "
                f"{self.widths}."
            )

    def _build(self, n_brain: int, n_image: int) -> Denoiser:
        return Denoiser(n_image, n_brain, tuple(self.widths), dropout=self.dropout)

    def _hold_out(self, n_images: int, groups, seed: int) -> np.ndarray:
        table = pd.DataFrame({"image": np.arange(n_images)})
        if groups is not None:
            if np.shape(groups) != (n_images,):
                raise ValueError(
                    f"groups must name the concept of each of {n_images} pictures, got "
                    f"{groups!r:.50}."
                )
            table["concept"] = texts(groups)
        by = "image" if groups is None else "concept"
        rng = np.random.default_rng(seed)
        return hold_out(table, by, self.validation_size, rng)[0]

    @checked(
        n_samples=[integer(1)],
        sampler=[options(*SAMPLERS)],
        n_steps=[integer(1)],
        guidance=[real(0)],
        random_state=["random_state"],
    )
    def sample(
        self,
        brain,
        n_samples: int = 1,
        *,
        sampler: str = "ddim",
        n_steps: int = 50,
        guidance: float = 1.0,
        random_state=None,
    ) -> np.ndarray:
        """Sample image embeddings.

        Parameters
        ----------
        brain : DataFrame | array, shape (n, n_brain) | int
            Brain embeddings; or how many samples to draw of the prior alone, that is
            of what pictures look like when nothing is known of a response.
        n_samples : int
            How many samples per embedding.
        sampler : ``"ddim"`` | ``"dpm"`` | ``"ddpm"``
            How to go from noise to embeddings.
        n_steps : int
            In how many steps.
        guidance : float
            Above 1 the samples lean away from what they would be without a brain: more
            typical, less varied, no longer samples of the posterior. ATM takes 5.
        random_state : None | int | instance of RandomState
            The seed of the noise to start from.

        Returns
        -------
        image : array, shape (n, n_samples, n_features)
            Image embeddings on the scale of those at fit.

        Raises
        ------
        ValueError
            If there are more steps than those of the diffusion.

        Examples
        --------
        >>> prior.sample(brain, n_samples=10, guidance=2.0)  # doctest: +SKIP
        """
        check_is_fitted(self, "denoiser_")
        if n_steps > self.n_diffusion_steps:
            raise ValueError(
                f"n_steps must be at most the {self.n_diffusion_steps} steps of the "
                f"diffusion, got {n_steps}."
            )
        is_alone = isinstance(brain, int | np.integer)
        n, condition = brain, None
        if not is_alone:
            rows = self._condition(brain)
            n, condition = len(rows), torch.from_numpy(rows.repeat(n_samples, axis=0))
        n_features, seed = len(self._image_scaler.mean), seed_from(random_state)
        device = resolve_device(self.device)
        with own_state(), own_random_numbers(seed):
            noise = torch.randn(n * n_samples, n_features)
            # "ddpm" adds noise at every step, other than that to start from.
            image = sample(
                self.denoiser_.to(device),
                noise_schedule(self.prediction, self.n_diffusion_steps),
                None if condition is None else condition.to(device),
                noise.to(device),
                sampler=sampler,
                n_steps=n_steps,
                guidance=guidance,
            )
        rows = self._image_scaler.inverse_transform(image.cpu().numpy())
        return rows.reshape(n, n_samples, -1)

    def _contents(self) -> tuple[dict, dict]:
        weights = self.denoiser_.cpu().state_dict()
        arrays = {name: value.numpy() for name, value in weights.items()}
        params = self.get_params() | {"random_state": self._seed, "checkpoint": None}
        return as_group("denoiser", arrays), {
            "params": params | {"widths": list(self.widths)},
            "history": self.history_.to_dict(orient="list"),
            "best_epoch_": self.best_epoch_,
        }

    def _restore(self, arrays: dict, header: dict) -> None:
        self._seed = self.random_state
        self.history_ = pd.DataFrame(header["history"]).rename_axis("epoch")
        self.best_epoch_ = header["best_epoch_"]
        sizes = len(self._brain_scaler.mean), len(self._image_scaler.mean)
        self.denoiser_ = self._build(*sizes).requires_grad_(False).eval()
        load_weights(self.denoiser_, take_group("denoiser", arrays))


PRIORS = {kind.__name__: kind for kind in (DiffusionPrior, RidgePrior)}


@own_state()
def read_prior(fname) -> Prior:
    """Read a prior that was saved.

    Parameters
    ----------
    fname : path-like
        The file that ``DiffusionPrior.save`` or ``RidgePrior.save`` wrote.

    Returns
    -------
    prior : instance of DiffusionPrior | RidgePrior
        The fitted prior.

    Raises
    ------
    ValueError
        If the file is truncated or of another kind.

    See Also
    --------
    mne_brainae.generation.fit_prior

    Examples
    --------
    >>> prior = generation.read_prior("prior.safetensors")  # doctest: +SKIP
    """
    fname = check_old_file(fname, "a prior that save wrote")
    arrays, header = read_arrays(fname, **PRIOR_FILE)
    params = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in header["params"].items()
    }
    # A file decides over no place to write to.
    params |= dict.fromkeys({"checkpoint"} & set(params))
    # A file decides over no place to write to.
    params |= dict.fromkeys({"checkpoint"} & set(params))
    # A file decides over no place to write to.
    params |= dict.fromkeys({"checkpoint"} & set(params))
    prior = PRIORS[header["class"]](**params)
    prior._brain_scaler = Scaler(**take_group("brain", arrays))
    prior._image_scaler = Scaler(**take_group("image", arrays))
    prior._restore(arrays, header)
    return prior
