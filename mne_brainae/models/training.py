"""The training loop (Algorithm 1): epochs, validation, best weights, resume.

:class:`Loop` trains whatever has two functions, one that learns for an epoch and one
that validates. :func:`train` gives it those of a :class:`~mne_brainae.BrainAE`; the
prior of :mod:`mne_brainae.generation` gives it its own.
"""

# License: BSD-3-Clause

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mne.utils import ProgressBar
from torch import Tensor, nn

from ..nn.fast.computation import Computation, choose_computation
from ..nn.fast.precision import multiplies_bf16
from ..nn.fast.responses import Responses
from ..nn.fast.workers import workers
from ..nn.losses import Objective, identification_loss
from ..utils.checks import logger, warn
from ..utils.files import zeros
from ..utils.interrupts import interrupts_end
from ..utils.torch_state import exact
from ..utils.transfer import beside, gather
from .augmentation import Augmentation
from .checkpoint import Checkpoint, State

PATIENCE = 20  # epochs without a better validation loss, after which training ends
OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "radam": torch.optim.RAdam,
}
#: Those of PyTorch that have a fused form.
FUSED = ("adam", "adamw")
#: What is shown the learned weights after every epoch, see :func:`watching_epochs`.
_WATCHERS: ContextVar[tuple[Callable, ...]] = ContextVar("watchers", default=())


@dataclass
class Pairs:
    """Brain responses and the features of their images, row by row.

    Parameters
    ----------
    brain : Tensor, shape (n_images, n_channels, n_times) | Responses | None
        Standardized brain responses; None for images alone.
    image : Tensor, shape (n_images, n_image_features) | None
        Standardized image features.
    folder : Path | None
        Where temporary files keep a layout of the responses; None is memory.
    known : dict of Tensor
        What else is known of every image, which the objective takes by these names.
    """

    brain: Tensor | Responses | None
    image: Tensor | None = None
    folder: Path | None = None
    known: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image if self.brain is None else self.brain)

    @property
    def place(self) -> torch.device:
        """Where rows are chosen: on the device that has the values."""
        return (self.image if self.brain is None else self.brain).device

    def take(
        self, rows: Tensor, device: torch.device
    ) -> tuple[Tensor | None, Tensor | None, dict[str, Tensor]]:
        """Gather some rows on a device.

        Parameters
        ----------
        rows : Tensor of int, shape (n_rows,)
            The rows, on the device :attr:`place`.
        device : device
            Where they are wanted.

        Returns
        -------
        brain, image : Tensor | Responses | None
            The responses and the features.
        known : dict of Tensor
            What else is known of the images.
        """
        if self.brain is None or isinstance(self.brain, Tensor):
            brain = self._some(self.brain, rows, device)
        else:
            brain = self.brain[rows].to(device)
        return brain, *self._rest(rows, device)

    def _rest(self, rows: Tensor, device: torch.device) -> tuple:
        """Gather features and what else is known."""
        known = self.known.items()
        known = {name: gather(part, rows, device) for name, part in known}
        return self._some(self.image, rows, device), known

    @staticmethod
    def _some(values: Tensor | None, rows, device) -> Tensor | None:
        return None if values is None else gather(values, rows, device)

    def batches(self, parts: Iterable[Tensor], device: torch.device) -> Iterator[tuple]:
        """Yield what :meth:`take` gathers of some rows after others.

        Where values stay on the host, they are copied to a CUDA device while it
        computes.
        """

        def take(rows: Tensor) -> tuple:
            return self.take(rows, device)

        if device.type == "cuda" and self.place.type == "cpu":
            return beside(take, parts, device)
        return map(take, parts)

    def begin(self, seed: int, epoch: int) -> None:
        """Prepare for an epoch of training."""

    def settle(self, computation: Computation, device: torch.device) -> None:
        """Lay the responses out for a computation, on its device when they fit.

        The layout takes the place of what was there, so that memory holds one copy.
        """
        on_disk = None if self.folder is None else self._zeros_on_disk
        self.brain = computation.arrange(self.brain, on_disk)
        if device.type != "cuda":
            return
        values = [self.brain, self.image, *self.known.values()]
        needed = sum(each.nbytes for each in values if each is not None)
        free, _ = torch.cuda.mem_get_info(device)
        if needed < free / 2:
            self.move(device)

    def move(self, device: torch.device) -> None:
        """Move all values to a device."""
        self.brain, self.image = (
            None if part is None else part.to(device)
            for part in (self.brain, self.image)
        )
        self.known = {name: part.to(device) for name, part in self.known.items()}

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
    # An integer of NumPy is none to PyTorch.
    return int(min(batch_size, max(n_train // 8, min(n_train, 32))))


@dataclass
class Loop:
    """Train epoch by epoch until validation no longer gains, and keep the best weights.

    Parameters
    ----------
    learned : Module
        What is trained, changed in place.
    optimizer : Optimizer
        What trains it, for checkpoints.
    order : Generator
        The random numbers of the order of the images, for checkpoints.
    max_epochs, min_epochs : int
        Most and fewest passes.
    patience : int
        After the fewest passes, training ends when this many epochs have brought no
        better validation loss.
    start_counts : bool
        Whether the weights before training may be the best, as epoch -1.
    checkpoint : Path | None
        File to save the state to after the first and the last epoch, and in between
        as often as it takes no more than a twentieth of the time; and to go on from.
    fingerprint : str
        Identity of data and settings, which a checkpoint must share.
    title : str
        What the progress bar says.
    chosen_by : str
        The column of the history whose least value is the best.
    """

    learned: nn.Module
    optimizer: torch.optim.Optimizer
    order: torch.Generator
    max_epochs: int
    min_epochs: int = 0
    patience: int = PATIENCE
    start_counts: bool = False
    checkpoint: Path | None = None
    fingerprint: str = ""
    title: str = "Training"
    chosen_by: str = "validation_total"

    def run(
        self, learn: Callable[[int], dict], validate: Callable[[], dict] | None
    ) -> State:
        """Train, and leave the weights of least validation loss.

        Parameters
        ----------
        learn : callable
            Learns for the epoch whose number it is given, and returns columns of the
            history.
        validate : callable | None
            Returns more columns of the history, one of which is :attr:`chosen_by`.
            None keeps the last epoch, whose number was chosen before.

        Returns
        -------
        state : instance of State
            History, and the epoch whose weights were kept. Ctrl-C ends training early
            and keeps the best weights so far, which ``state.interrupted`` says.

        Raises
        ------
        KeyboardInterrupt
            At Ctrl-C before there are any weights to keep, and within
            :func:`mne_brainae.utils.interrupts.ending_at_interrupt`.
        RuntimeError
            If a validation loss is not finite.
        ValueError
            If the checkpoint is of other data or settings.
        """
        kept = Checkpoint(
            self.checkpoint, self.fingerprint, self.learned, self.optimizer, self.order
        )
        state = kept.resume()
        with _best_kept_if_interrupted(state):
            if self.start_counts and not state.epoch:
                self._keep(state, validate()[self.chosen_by])
            self._go_on(learn, validate, state, kept)
        self.learned.load_state_dict(state.best_weights)
        logger.info(
            f"Kept epoch {state.best_epoch} of {state.epoch}, "
            f"validation loss {state.best_loss:.4f}."
        )
        return state

    def _go_on(self, learn, validate, state: State, kept: Checkpoint) -> None:
        """Go on from a state, epoch by epoch, until patience or the epochs end."""
        ended = self._is_done(state)
        epochs = range(state.epoch, state.epoch if ended else self.max_epochs)
        for epoch in ProgressBar(epochs, mesg=self.title):
            row = learn(epoch) | ({} if validate is None else validate())
            self._record(state, row)
            ended = self._is_done(state) or state.epoch == self.max_epochs
            kept.save(state, is_last=ended)
            if ended:
                break

    def _is_done(self, state: State) -> bool:
        waited = state.epoch - 1 - state.best_epoch
        return state.epoch >= self.min_epochs and waited >= self.patience

    def _record(self, state: State, row: dict) -> None:
        loss = row.get(self.chosen_by, -float(state.epoch))
        if not np.isfinite(loss):
            raise RuntimeError(
                f"The validation loss became {loss} in epoch {state.epoch}. Lower "
                "learning_rate, or look for outliers in the data."
            )
        if loss < state.best_loss:
            state.best_epoch = state.epoch
            self._keep(state, loss)
        state.history.append(row)
        state.epoch += 1
        for watch in _WATCHERS.get():
            watch(self.learned)

    def _keep(self, state: State, loss: float) -> None:
        state.best_loss = loss
        state.best_weights = copy.deepcopy(self.learned.state_dict())


@contextmanager
def watching_epochs(watch: Callable[[nn.Module], None]) -> Iterator[None]:
    """Show what is learned to a function after every epoch of all trainings inside.

    It is for studies of how an epoch may be chosen, and changes no fit.

    Parameters
    ----------
    watch : callable
        Is given what is trained, :attr:`Loop.learned`, and must leave it as it is.
    """
    before = _WATCHERS.set((*_WATCHERS.get(), watch))
    try:
        yield
    finally:
        _WATCHERS.reset(before)


@contextmanager
def _best_kept_if_interrupted(state: State) -> Iterator[None]:
    """End at Ctrl-C with the best weights so far, if there are any."""
    try:
        yield
    except KeyboardInterrupt:
        if interrupts_end() or not state.best_weights:
            raise
        state.interrupted = True


def warn_if_interrupted(state: State, max_epochs: int) -> None:
    """Say that a training did not come to its end.

    Parameters
    ----------
    state : instance of State
        What it came to.
    max_epochs : int
        How many epochs it might have had.
    """
    if state.interrupted:
        warn(
            f"Training was interrupted after {state.epoch} of {max_epochs} epochs; the "
            f"weights of epoch {state.best_epoch}, the best so far, are kept."
        )


def train(
    network: nn.Module,
    loss: Objective,
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
    optimizer: str = "adam",
    weight_decay: float = 0.0,
    patience: int = PATIENCE,
    start_counts: bool = False,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    computation: str = "auto",
    precision: str = "float32",
    mask_augmentation: float = 0.0,
    smooth_augmentation: float = 0.0,
    schedule: str | Sequence | None = None,
    unpaired: Pairs | None = None,
) -> State:
    """Train a network and leave the weights of least validation loss in it.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network, changed in place.
    loss : instance of Objective
        The loss, changed in place when it learns itself.
    training, validation : instance of Pairs
        The images to learn from and the held-out ones to choose the epoch by; without
        any of these the last epoch is kept. The responses to learn from are laid out
        anew, in place.
    batch_size : int
        Images per update. The last partial batch is dropped, since InfoNCE depends on
        the batch.
    max_epochs, min_epochs : int
        Most and fewest passes.
    learning_rate : float
        The optimizer's step size.
    betas : tuple of float
        The optimizer's decay rates of its moments.
    seed : int
        Seed of the order of the images.
    device : device
        Where to compute.
    optimizer : ``"adam"`` | ``"adamw"`` | ``"radam"``
        Adam, or Adam with decoupled weight decay.
    weight_decay : float
        The decay of the network's parameters: with ``"adam"`` a squared penalty, with
        ``"adamw"`` decoupled. The temperature has none.
    patience, start_counts, checkpoint, fingerprint : int | bool | Path | str
        See :class:`Loop`.
    computation, precision : str
        See :func:`mne_brainae.nn.fast.computation.choose_computation`. Validation is
        always in float32.
    mask_augmentation : float
        Share of the responses of a batch of which the encoder sees a part only. The
        fast forms share work between input and target, so training is plain then.
    smooth_augmentation : float
        Share of the channels that the encoder sees smoothed; training is plain, too.
    schedule : ``"cosine"`` | sequence of tuple | None
        See :func:`step_factor`.
    unpaired : instance of Pairs | None
        Images without responses, which every epoch learns from first.

    Returns
    -------
    state : instance of State
        See :meth:`Loop.run`.
    """
    augments = bool(mask_augmentation or smooth_augmentation)
    draws = type(training) is not Pairs
    if (augments or draws) and computation == "auto":
        computation = "plain"
    learned = nn.ModuleList([network, loss]).to(device)
    settings = {"lr": learning_rate, "betas": betas, "weight_decay": weight_decay}
    updates = make_optimizer(optimizer, network, loss, device, **settings)
    order = torch.Generator().manual_seed(seed)
    learner, judge = _computations(network, computation, precision, device)
    training.settle(learner, device)
    validation = copy.copy(validation)  # the caller goes on with the old layout
    validation.settle(judge, device)

    def learn(epoch: int) -> dict:
        # Drawn anew in every epoch, so that one that goes on draws the same.
        rng = np.random.default_rng([seed, epoch])
        augment = Augmentation(mask_augmentation, smooth_augmentation, rng)
        augment = augment if augments else None
        loss.begin(epoch)
        training.begin(seed, epoch)
        for group in updates.param_groups:
            start = group.setdefault("initial_lr", group["lr"])
            group["lr"] = start * step_factor(schedule, epoch, max_epochs)
        if unpaired is not None:
            size = min(batch_size, len(unpaired))
            _train_epoch(learned, learner, updates, unpaired, size, order, device, None)
        losses = _train_epoch(
            learned, learner, updates, training, batch_size, order, device, augment
        )
        return _columns("train", losses)

    def validate() -> dict:
        losses = _validate(learned, judge, validation, batch_size, device)
        row = _columns("validation", losses)
        if loss.identifies:
            given = learned, judge, validation, batch_size, device
            row["validation_identification"] = _identify(*given)
        tau = loss.temperature
        return row if tau is None else row | {"temperature": tau}

    how_long = max_epochs, min_epochs, patience, start_counts
    loop = Loop(learned, updates, order, *how_long, checkpoint, fingerprint)
    if loss.identifies:
        loop.chosen_by = "validation_identification"
    with _hardware(learner, device):
        state = loop.run(learn, validate if len(validation) else None)
    network.eval().cpu()
    return state


def step_factor(schedule: str | Sequence | None, epoch: int, n_epochs: int) -> float:
    """Return what the step size of an epoch is multiplied by.

    Parameters
    ----------
    schedule : ``"cosine"`` | sequence of tuple | None
        ``"cosine"`` falls from 1 to almost 0 over all epochs; ``((20, 0.5), (40,
        0.1))`` takes half from epoch 20 on, and a tenth from 40 on; None is 1.
    epoch, n_epochs : int
        The epoch, from 0, and the number of all.

    Returns
    -------
    factor : float
        The factor.
    """
    if schedule == "cosine":
        return (1 + math.cos(math.pi * epoch / n_epochs)) / 2
    factor = 1.0
    for first, value in schedule or ():
        factor = value if epoch >= first else factor
    return factor


def _columns(prefix: str, losses: dict) -> dict:
    return {f"{prefix}_{name}": value for name, value in losses.items()}


def make_optimizer(
    name: str,
    network: nn.Module,
    loss: Objective,
    device: torch.device,
    **settings,
) -> torch.optim.Optimizer:
    """Return an optimizer of the parameters of a network and of its loss.

    Parameters
    ----------
    name : ``"adam"`` | ``"adamw"`` | ``"radam"``
        A name of :data:`OPTIMIZERS`.
    network : Module
        What is learned.
    loss : instance of Objective
        What is learned with it, by its own ``groups``.
    device : device
        Where they are. The fused form of Adam is used on the CPU and on CUDA.
    **settings
        Options of the optimizer, such as ``lr``, ``betas`` and ``weight_decay``.

    Returns
    -------
    optimizer : Optimizer
        The optimizer.
    """
    groups = [{"params": list(network.parameters())}, *loss.groups()]
    if name in FUSED:
        settings["fused"] = device.type in ("cpu", "cuda")
    return OPTIMIZERS[name](groups, **settings)


def _computations(
    network, computation: str, precision: str, device: torch.device
) -> tuple[Computation, Computation]:
    """Return how to compute in training, and in validation: always in float32."""
    learner = choose_computation(network, computation, precision, device)
    if precision == "bf16" and not multiplies_bf16(device):
        warn(
            f"{device} does not multiply bf16 faster than float32: factors are rounded "
            "to bf16 and multiplied in float32, which saves memory but no time."
        )
    if precision == "auto":
        rounds = not isinstance(learner, nn.Module) and learner.precision.bf16
        logger.info(f"Training multiplies in {'bf16' if rounds else 'float32'}.")
    return learner, choose_computation(network, computation, "float32", device)


@contextmanager
def _hardware(computation: Computation, device: torch.device) -> Iterator[None]:
    """Set threads and the precision of products for training, and set them back.

    The fast forms divide their work among threads of their own. Float32 means float32:
    by default cuDNN rounds the factors of convolutions to TF32, and a user may have
    allowed it to all products, whose differences the Gram form would then miss.
    """
    shares = device.type == "cpu" and not isinstance(computation, nn.Module)
    with exact(), workers(torch.get_num_threads()) if shares else nullcontext():
        yield


def _train_epoch(
    learned, computation, optimizer, training, batch_size, order, device, augment
) -> dict:
    loss = learned[1]
    learned.train()
    main = _without_rivals(learned, loss)
    rows = torch.randperm(len(training), generator=order).to(training.place)
    sums, n_batches = {}, len(rows) // batch_size
    parts = rows[: n_batches * batch_size].split(batch_size)
    for brain, image, known in training.batches(parts, device):
        for first, changed in loss.preliminary(computation, brain, image, **known):
            _update(optimizer, first, changed)
        seen = None if augment is None else augment(brain)
        total, terms = loss(computation, brain, image, seen, **known)
        _update(optimizer, total, main)
        _add(sums, total, terms, 1 / n_batches)
    return _as_floats(sums)


def _without_rivals(learned: nn.Module, loss: Objective) -> list[nn.Parameter] | None:
    """Return what the loss itself changes; None is all that it depends on."""
    others = {id(each) for part in loss.rivals for each in part.parameters()}
    if not others:
        return None
    return [
        each
        for each in learned.parameters()
        if each.requires_grad and id(each) not in others
    ]


def _update(optimizer, total: Tensor, changed: list[nn.Parameter] | None) -> None:
    """Take one step; the optimizer passes over what has no gradient."""
    optimizer.zero_grad(set_to_none=True)
    total.backward(inputs=changed)
    optimizer.step()


@torch.no_grad()
def _validate(learned, computation, validation, batch_size, device) -> dict:
    loss = learned[1]
    learned.eval()
    sums, n_batches = {}, -(-len(validation) // batch_size)
    # Equal parts, because InfoNCE over a short last batch would count for less.
    rows = torch.arange(len(validation), device=validation.place)
    parts = rows.tensor_split(n_batches)
    batches = validation.batches(parts, device)
    for part, (brain, image, known) in zip(parts, batches, strict=True):
        total, terms = loss(computation, brain, image, **known)
        _add(sums, total, terms, len(part) / len(validation))
    return _as_floats(sums)


@torch.no_grad()
def _identify(learned, computation, validation, batch_size, device) -> float:
    """Return how badly all held-out responses find their images among one another."""
    loss = learned[1]
    learned.eval()
    rows = torch.arange(len(validation), device=validation.place)
    parts = rows.split(batch_size)
    compared = [
        loss.compare(computation, brain, image, **known)
        for brain, image, known in validation.batches(parts, device)
    ]
    z_brain, z_image = (torch.cat(each) for each in zip(*compared, strict=True))
    return identification_loss(z_brain @ z_image.T)


def _add(sums: dict, total: Tensor, terms: dict, weight: float) -> None:
    for name, term in {"total": total, **terms}.items():
        sums[name] = sums.get(name, 0.0) + weight * term.detach()


def _as_floats(sums: dict) -> dict:
    """Read the sums of an epoch back, for which the program waits once."""
    values = torch.stack(list(sums.values())).tolist() if sums else []
    return dict(zip(sums, values, strict=True))
