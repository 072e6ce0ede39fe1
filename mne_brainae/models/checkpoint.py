"""The state of a training in a file, so that it can stop and go on."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from ..nn.fast.workers import n_threads
from ..utils.checks import logger
from ..utils.files import (
    as_group,
    read_arrays,
    take_group,
    write_arrays,
)

CHECKPOINT = {"kind": "training checkpoint", "version": 1}
SHARE_OF_TIME = 1 / 20  # that writing may take
#: What the name of the file ends in while a fit trains anew on all images.
ALL_IMAGES = "-all-images"


@dataclass
class State:
    """All that training changes beside weights, so that it can stop and go on."""

    epoch: int = 0
    best_epoch: int = -1
    best_loss: float = float("inf")
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    interrupted: bool = False


def checkpoints_of(path: Path) -> list[Path]:
    """Name the files that the trainings of one fit may write.

    Parameters
    ----------
    path : Path
        The parameter ``checkpoint`` of the model.

    Returns
    -------
    paths : list of Path
        The file itself, and that of the training on all images.
    """
    return [path, path.with_stem(path.stem + ALL_IMAGES)]


def history_table(state: State) -> pd.DataFrame:
    """Return the losses of every epoch as a table with one row per epoch."""
    return pd.DataFrame(state.history).rename_axis("epoch")


class Checkpoint:
    """A file that training writes its state to, and goes on from.

    Parameters
    ----------
    path : Path | None
        The file. None keeps nothing.
    fingerprint : str
        Identity of data and settings.
    learned : Module
        What is trained.
    optimizer : Optimizer
        What trains it, with the moments of Adam.
    order : Generator
        The random numbers of the order of the images.
    """

    def __init__(
        self,
        path: Path | None,
        fingerprint: str,
        learned: nn.Module,
        optimizer: torch.optim.Optimizer,
        order: torch.Generator,
    ):
        self.path, self.fingerprint = path, fingerprint
        self.learned, self.optimizer, self.order = learned, optimizer, order
        self._due = time.monotonic()

    def save(self, state: State, *, is_last: bool) -> None:
        """Write the state, if it is time to.

        Parameters
        ----------
        state : instance of State
            The state.
        is_last : bool
            Whether training ends. Otherwise only as much is written as takes a
            twentieth of the time; the first state is.
        """
        if self.path is None or not (is_last or time.monotonic() > self._due):
            return
        start = time.monotonic()
        header = {
            **CHECKPOINT,
            "fingerprint": self.fingerprint,
            "epoch": state.epoch,
            "best_epoch": state.best_epoch,
            "best_loss": state.best_loss,
            "history": state.history,
            "threads": n_threads(),
        }
        tensors = self._tensors(state).items()
        arrays = {name: value.cpu().numpy() for name, value in tensors}
        write_arrays(self.path, arrays, header)
        self._due = start + (time.monotonic() - start) / SHARE_OF_TIME

    def _tensors(self, state: State) -> dict[str, Tensor]:
        tensors = as_group("now", self.learned.state_dict())
        tensors |= as_group("best", state.best_weights)
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= as_group(f"adam.{index}", moments)
        tensors |= {"order": self.order.get_state(), "random": torch.get_rng_state()}
        if self._cuda:
            tensors["random_cuda"] = torch.cuda.get_rng_state(self._cuda)
        return tensors

    def resume(self) -> State:
        """Go on from the file, if there is one.

        Returns
        -------
        state : instance of State
            The state; that before training where there is no file.

        Raises
        ------
        ValueError
            If the file is of other data or settings.
        """
        if self.path is None or not self.path.exists():
            return State()
        arrays, header = read_arrays(self.path, **CHECKPOINT)
        if header["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"The checkpoint {self.path} is from a fit of other data or settings. "
                "Give another file, or delete this one to start again."
            )
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.learned.load_state_dict(take_group("now", tensors))
        self._restore_moments(take_group("adam", tensors))
        self._restore_random_numbers(tensors)
        logger.info(f"Going on from epoch {header['epoch']} in {self.path}.")
        if header["threads"] != n_threads():
            logger.info(
                f"It was written on {header['threads']} threads, and there are "
                f"{n_threads()} now: the last digits of the result may differ."
            )
        return State(
            epoch=header["epoch"],
            best_epoch=header["best_epoch"],
            best_loss=header["best_loss"],
            best_weights=take_group("best", tensors),
            history=header["history"],
        )

    def _restore_moments(self, tensors: dict[str, Tensor]) -> None:
        indices = {name.partition(".")[0] for name in tensors}
        moments = {int(index): take_group(index, tensors) for index in indices}
        settings = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": settings})

    def _restore_random_numbers(self, tensors: dict[str, Tensor]) -> None:
        self.order.set_state(tensors["order"])
        torch.set_rng_state(tensors["random"])
        if self._cuda and "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"], self._cuda)

    @property
    def _cuda(self) -> torch.device | None:
        """The graphics card that draws the random numbers of dropout."""
        device = next(self.learned.parameters()).device
        return device if device.type == "cuda" else None
