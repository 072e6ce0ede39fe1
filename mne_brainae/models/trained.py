"""Models whose network is trained: batches, epochs, the best of them kept."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from ..nn.losses import BrainAELoss, Objective
from ..nn.network import BrainAENetwork, build_network
from ..utils.checks import (
    check_device,
    check_folder_for_arrays,
    logger,
    resolve_device,
    seed_from,
)
from ..utils.torch_state import own_random_numbers
from .checkpoint import State, history_table
from .fingerprints import fingerprint_training
from .latent import apply
from .model import Model
from .montage import asks_for_subjects, take_pretrained
from .noise_axes import white_axes
from .parts import Losses, Training
from .single_trials import with_trials
from .slope import held_out_slope, warn_if_low
from .training import size_of_batch, train, warn_if_interrupted
from .training_set import TrainingSet


class TrainedModel(Model):
    """A model that trains a network on batches of responses and images.

    A model that inherits this says in ``_sizes`` what its network is made of.
    """

    _learned: ClassVar[tuple[str, ...]] = (
        *Model._learned,
        "best_epoch_",
        "history_",
        "slope_",
        "spatial_window_",
        "temperature_",
    )

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together."""
        super().check()
        check_device(self.device)
        check_folder_for_arrays(self._training.memory_map)

    def _fit(self, epochs, images) -> None:
        seed = seed_from(self.random_state)
        how = self._training
        data = self._read(
            epochs,
            images,
            seed,
            validation=how.validation,
            validation_size=how.validation_size,
            memory_map=how.memory_map,
            by_subject=asks_for_subjects(getattr(self, "brain_encoder", None)),
        )
        self.spatial_window_ = data.spatial_window
        self.selection_ = (
            f"{self._criterion} {data.held_out.sum()} training images "
            f"({data.held_out_by} held out)"
        )
        self._tell(data)
        if how.average is not True:
            data = with_trials(data, how.average)
        with own_random_numbers(seed):
            network = self._train(data, seed)
        rest = self._learn_rest(data, network)
        self.latent_ = data.to_latent(network=network, **rest)

    @property
    def _training(self) -> Training:
        return Training() if self.training is None else self.training

    @property
    def _criterion(self) -> str:
        """What the epoch is chosen by, in words."""
        return "least validation loss on"

    @property
    def _losses(self) -> Losses:
        return Losses() if self.losses is None else self.losses

    def _sizes(self, data: TrainingSet) -> dict:
        """Return the arguments of :func:`build_network`."""
        raise NotImplementedError

    def _tell(self, data: TrainingSet) -> None:
        """Tell a training set what its objective needs to know of every image."""

    def _build(self, data: TrainingSet) -> BrainAENetwork:
        """Return the network before training."""
        network = build_network(**self._sizes(data))
        take_pretrained(getattr(self, "brain_encoder", None), network)
        return network

    def _train(self, data: TrainingSet, seed: int) -> BrainAENetwork:
        network = self._build(data)
        state = self._run_epochs(network, data, seed)
        self.history_ = history_table(state)
        self.best_epoch_ = state.best_epoch
        return network.eval()

    def _run_epochs(
        self,
        network: BrainAENetwork,
        data: TrainingSet,
        seed: int,
        *,
        n_epochs: int | None = None,
        start_counts: bool = False,
        stage: str = "",
    ) -> State:
        """Train a network, for so many epochs or until held-out images no longer gain.

        ``stage`` tells the checkpoints of several trainings of one fit apart.
        """
        how, pairs = self._training, data.training
        batch_size = size_of_batch(len(pairs), how.batch_size)
        most, least = self._lengths(len(pairs) // batch_size, n_epochs)
        checkpoint, fingerprint = None, ""
        if how.checkpoint is not None:
            checkpoint = Path(how.checkpoint)
            checkpoint = checkpoint.with_stem(checkpoint.stem + stage)
            others = [data.validation] + [data.unpaired] * (data.unpaired is not None)
            fingerprint = fingerprint_training(self, pairs, *others, seed=seed)
        loss = self._make_loss(data)
        state = train(
            network,
            loss,
            pairs,
            data.validation,
            batch_size=batch_size,
            max_epochs=most,
            min_epochs=least,
            learning_rate=how.learning_rate,
            betas=tuple(how.betas),
            optimizer=how.optimizer,
            weight_decay=how.weight_decay,
            patience=how.patience,
            seed=seed,
            device=resolve_device(self.device),
            computation=how.computation,
            precision=how.precision,
            mask_augmentation=getattr(self, "mask_augmentation", 0.0),
            smooth_augmentation=getattr(self, "smooth_augmentation", 0.0),
            schedule=how.schedule,
            start_counts=start_counts,
            checkpoint=checkpoint,
            fingerprint=fingerprint,
            unpaired=data.unpaired,
        )
        self.temperature_ = loss.temperature
        warn_if_interrupted(state, most)
        if state.interrupted:
            self.selection_ += f"; interrupted after {state.epoch} of {most} epochs"
        return state

    def _lengths(self, updates: int, n_epochs: int | None) -> tuple[int, int]:
        """Return the most and the fewest epochs, for so many updates an epoch."""
        if n_epochs is not None:
            return n_epochs, n_epochs
        how = self._training
        most = max(how.max_epochs, -(-how.min_updates // updates))
        if most > how.max_epochs:
            logger.info(f"{updates} updates per epoch: up to {most} epochs.")
        return most, how.max_epochs

    def _make_loss(self, data: TrainingSet) -> Objective:
        """Return what is minimized."""
        return BrainAELoss(**self._of_loss())

    def _of_loss(self) -> dict:
        """Return the arguments of :class:`BrainAELoss`."""
        losses = self._losses
        names = "temperature", "learn_temperature", "symmetric", "normalize_brain"
        shared = {name: getattr(losses, name) for name in names}
        return {"weights": losses.weights} | shared

    def _learn_rest(self, data: TrainingSet, network: BrainAENetwork) -> dict:
        """Return what the shared space has beside its network."""
        if data.validation.image is None or network.brain_decoder is None:
            self.slope_ = None
            return {}
        mean = data.latent["brain_scaler"].transform(data.latent["mean_response"])
        responses, images = data.validation.brain, data.validation.image
        self.slope_, _ = held_out_slope(
            network, responses.numpy(), images.numpy(), mean.astype(np.float32)
        )
        warn_if_low(self.slope_)
        return {"slope": self.slope_}

    def _chosen(self) -> str:
        return f"epoch {self.best_epoch_} of {len(self.history_)} kept"


def held_out_noise(data: TrainingSet, network: BrainAENetwork):
    """Return axes along which held-out errors of the prediction are white.

    Parameters
    ----------
    data : instance of TrainingSet
        Whose validation images were not trained on.
    network : instance of BrainAENetwork
        The trained network.

    Returns
    -------
    axes : array, shape (n_values, n_axes) | None
        The axes; None without images.
    """
    validation = data.validation
    if validation.image is None:
        return None
    measured = validation.brain.flatten(1).numpy()
    z_image = apply(network.embed_image, validation.image.numpy())
    predicted = apply(network.decode, z_image).reshape(measured.shape)
    return white_axes(measured, predicted, data.folder)
