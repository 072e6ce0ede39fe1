"""The training loop (Algorithm 1): seeds, batches, validation, best weights, resume."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mne.utils import ProgressBar
from torch import Tensor, nn

from ..nn.fast.computation import Computation, choose_computation
from ..nn.fast.precision import multiplies_bf16
from ..nn.fast.responses import Responses
from ..nn.fast.workers import workers
from ..preprocessing.masking import draw_mask
from ..utils.checks import logger, warn
from ..utils.files import zeros
from .checkpoint import Checkpoint, State


@dataclass
class Pairs:
    """Brain responses and the features of their images, row by row.

    Parameters
    ----------
    brain : Tensor, shape (n_images, n_channels, n_times) | instance of Responses
        Standardised brain responses.
    image : Tensor, shape (n_images, n_image_features) | None
        Standardised image features.
    folder : Path | None
        Where temporary files keep a layout of the responses; None is memory.
    """

    brain: Tensor | Responses
    image: Tensor | None = None
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.brain)

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Gather some rows on a device."""
        image = None if self.image is None else self.image[rows].to(device)
        return self.brain[rows].to(device), image

    def settle(self, computation: Computation, device: torch.device) -> None:
        """Lay the responses out for a computation, on its device when they fit.

        The layout takes the place of what was there, so that memory holds one copy.
        """
        on_disk = None if self.folder is None else self._zeros_on_disk
        self.brain = computation.arrange(self.brain, on_disk)
        if device.type != "cuda":
            return
        free, _ = torch.cuda.mem_get_info(device)
        needed = self.brain.nbytes + (0 if self.image is None else self.image.nbytes)
        if needed < free / 2:
            self.brain = self.brain.to(device)
            self.image = None if self.image is None else self.image.to(device)

    def _zeros_on_disk(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Make zeros in a temporary file, of types that NumPy does not have, too."""
        content = zeros(math.prod(shape) * dtype.itemsize, np.uint8, self.folder)
        return torch.from_numpy(content).view(dtype).view(shape)


def size_of_batch(n_train: int, batch_size: int) -> int:
    """Return the batch size that gives an epoch at least eight updates.

    The paper's sets give twenty of its batches of 800; on a set of a thousand images
    one batch of 800 would mean one update per epoch.
    """
    if batch_size < 2 or n_train < 2:
        raise ValueError(
            "A batch needs at least two different images to contrast, but "
            f"batch_size={batch_size} and {n_train} training images leave fewer. Give "
            "more images, a larger batch_size, or a smaller validation_size."
        )
    return min(batch_size, max(n_train // 8, min(n_train, 32)))


def train(
    network: nn.Module,
    loss: nn.Module,
    training: Pairs,
    validation: Pairs,
    *,
    batch_size: int,
    max_epochs: int,
    min_epochs: int,
    learning_rate: float,
    betas: tuple[float, float],
    seed: int,
    device: torch.device,
    start_counts: bool = False,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    computation: str = "auto",
    precision: str = "float32",
    mask_augmentation: float = 0.0,
) -> State:
    """Train by Adam and leave the weights of least validation loss in the network.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network, changed in place.
    loss : instance of BrainAELoss
        The loss, changed in place when it learns its temperature.
    training, validation : instance of Pairs
        The images to learn from and the held-out ones to choose the epoch by. The
        responses to learn from are laid out anew, in place.
    batch_size : int
        Images per update. The last partial batch is dropped, since InfoNCE depends on
        the batch.
    max_epochs, min_epochs : int
        Most and fewest passes. After the fewest, training ends when ``PATIENCE``
        epochs have brought no better validation loss.
    learning_rate : float
        Adam's step size.
    betas : tuple of float
        Adam's decay rates.
    seed : int
        Seed of the order of the images.
    device : device
        Where to compute.
    start_counts : bool
        Whether the weights before training may be the best, as epoch -1.
    checkpoint : Path | None
        File to save the state to after the first and the last epoch, and in between
        as often as it takes no more than a twentieth of the time; and to go on from.
    fingerprint : str
        Identity of data and settings; a checkpoint of another one is a ValueError.
    computation, precision : str
        See :func:`mne_brainae.nn.fast.computation.choose_computation`. Validation is
        always in float32.
    mask_augmentation : float
        Share of the responses of a batch of which the encoder sees a part only. The
        fast forms share work between input and target, so training is plain then.

    Returns
    -------
    state : instance of State
        History, and the epoch whose weights were kept. Ctrl-C ends training early and
        keeps the best weights so far.
    """
    if mask_augmentation and computation == "auto":
        computation = "plain"
    network.to(device)
    loss.to(device)
    learned = nn.ModuleList([network, loss])
    optimizer = _optimizer(learned, learning_rate, betas, device)
    order = torch.Generator().manual_seed(seed)
    kept = Checkpoint(checkpoint, fingerprint, learned, optimizer, order)
    state = kept.resume()
    learner, judge = _computations(network, computation, precision, device)
    training.settle(learner, device)
    validation = copy.copy(validation)  # the caller goes on with the old layout
    validation.settle(judge, device)

    def learn(epoch: int) -> dict:
        # Drawn anew in every epoch, so that one that goes on draws the same.
        hide = _Hider(mask_augmentation, np.random.default_rng([seed, epoch]))
        hide = hide if mask_augmentation else None
        return _train_epoch(
            learned, learner, optimizer, training, batch_size, order, device, hide
        )

    def validate() -> dict:
        return _validate(learned, judge, validation, batch_size, device)

    if start_counts and not state.epoch:
        state.best_loss = validate()["total"]
        state.best_weights = copy.deepcopy(learned.state_dict())
    with _best_kept_if_interrupted(state, max_epochs), _hardware(learner, device):
        _run(learn, validate, learned, state, kept, min_epochs, max_epochs)
    learned.load_state_dict(state.best_weights)
    network.eval()
    network.cpu()
    logger.info(
        f"Kept epoch {state.best_epoch} of {state.epoch}, "
        f"validation loss {state.best_loss:.4f}."
    )
    return state


def _optimizer(learned, learning_rate: float, betas, device: torch.device):
    return torch.optim.Adam(
        learned.parameters(),
        lr=learning_rate,
        betas=betas,
        fused=device.type in ("cpu", "cuda"),
    )


def _run(
    learn: Callable[[int], dict],
    validate: Callable[[], dict],
    learned: nn.ModuleList,
    state: State,
    kept: Checkpoint,
    min_epochs: int,
    max_epochs: int,
) -> None:
    """Go on from a state, epoch by epoch, until patience or the epochs end."""
    done = _is_done(state, min_epochs)
    epochs = range(state.epoch, state.epoch if done else max_epochs)
    for epoch in ProgressBar(epochs, mesg="Training"):
        trained = learn(epoch)
        _record(state, learned, trained, validate())
        done = _is_done(state, min_epochs) or state.epoch == max_epochs
        kept.save(state, is_last=done)
        if done:
            break


@contextmanager
def _best_kept_if_interrupted(state: State, max_epochs: int) -> Iterator[None]:
    """End at Ctrl-C with the best weights so far, if there are any."""
    try:
        yield
    except KeyboardInterrupt:
        if not state.best_weights:
            raise
        warn(
            f"Training was interrupted after {state.epoch} of {max_epochs} epochs; the "
            f"weights of epoch {state.best_epoch}, the best so far, are kept."
        )


def _computations(
    network, computation: str, precision: str, device: torch.device
) -> tuple[Computation, Computation]:
    """Return how to compute in training, and in validation: always in float32."""
    if precision == "bf16" and not multiplies_bf16(device):
        warn(
            f"{device} has no instructions that multiply bf16: factors are rounded to "
            "bf16 and multiplied in float32, which saves memory and no time."
        )
    return (
        choose_computation(network, computation, precision, device),
        choose_computation(network, computation, "float32", device),
    )


def _is_done(state: State, min_epochs: int) -> bool:
    return state.epoch >= min_epochs and not state.is_patient


@contextmanager
def _hardware(computation: Computation, device: torch.device) -> Iterator[None]:
    """Set threads and the precision of products for training, and set them back.

    The fast forms divide their work among threads of their own. On CUDA float32 means
    float32: by default cuDNN rounds the factors of convolutions to TF32, and a user may
    have allowed it to all products, whose differences the Gram form would then miss.
    """
    if device.type == "cuda":
        libraries = (torch.backends.cudnn, torch.backends.cuda.matmul)
        before = [library.allow_tf32 for library in libraries]
        try:
            for library in libraries:
                library.allow_tf32 = False
            yield
        finally:
            for library, allowed in zip(libraries, before, strict=True):
                library.allow_tf32 = allowed
    elif device.type == "cpu" and not isinstance(computation, nn.Module):
        with workers(torch.get_num_threads()):
            yield
    else:
        yield


@dataclass
class _Hider:
    """Hides parts of some responses of a batch: their channel's mean stands there."""

    share: float
    rng: np.random.Generator

    def __call__(self, brain: Tensor) -> Tensor:
        mask = draw_mask(tuple(brain.shape), self.share, self.rng)
        return brain.masked_fill(torch.from_numpy(mask).to(brain.device), 0.0)


def _train_epoch(
    learned, computation, optimizer, training, batch_size, order, device, hide
) -> dict:
    loss = learned[1]
    learned.train()
    rows = torch.randperm(len(training), generator=order)
    sums, n_batches = {}, len(rows) // batch_size
    for batch in rows[: n_batches * batch_size].split(batch_size):
        brain, image = training.take(batch, device)
        seen = None if hide is None else hide(brain)
        total, terms = loss(computation, brain, image, seen)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        _add(sums, total, terms, 1 / n_batches)
    return _as_floats(sums)


@torch.no_grad()
def _validate(learned, computation, validation, batch_size, device) -> dict:
    loss = learned[1]
    learned.eval()
    sums, n_batches = {}, -(-len(validation) // batch_size)
    # Equal parts, because InfoNCE over a short last batch would count for less.
    for batch in torch.arange(len(validation)).tensor_split(n_batches):
        total, terms = loss(computation, *validation.take(batch, device))
        _add(sums, total, terms, len(batch) / len(validation))
    return _as_floats(sums)


def _add(sums: dict, total: Tensor, terms: dict, weight: float) -> None:
    for name, term in {"total": total, **terms}.items():
        sums[name] = sums.get(name, 0.0) + weight * term.detach()


def _as_floats(sums: dict) -> dict:
    return {name: float(value) for name, value in sums.items()}


def _record(state: State, learned, trained: dict, validated: dict) -> None:
    row = {f"train_{name}": value for name, value in trained.items()}
    row |= {f"validation_{name}": value for name, value in validated.items()}
    row["temperature"] = learned[1].temperature
    if not np.isfinite(validated["total"]):
        raise RuntimeError(
            f"The validation loss became {validated['total']} in epoch {state.epoch}. "
            "Lower learning_rate, or look for outliers in the epochs."
        )
    if validated["total"] < state.best_loss:
        state.best_loss, state.best_epoch = validated["total"], state.epoch
        state.best_weights = copy.deepcopy(learned.state_dict())
    state.history.append(row)
    state.epoch += 1
