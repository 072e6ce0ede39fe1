"""Diffusion of embeddings: training a denoiser, and sampling by it."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from mne.utils import _soft_import
from torch import Tensor, nn

from ..models.checkpoint import State
from ..models.training import PATIENCE, Loop
from ..utils.torch_state import own_random_numbers
from .denoiser import Denoiser

SAMPLERS = {
    "ddim": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "dpm": ("DPMSolverMultistepScheduler", {}),
    "ddpm": ("DDPMScheduler", {"timestep_spacing": "trailing"}),
}
#: What a denoiser may predict, and the name of it in diffusers.
PREDICTIONS = {
    "velocity": "v_prediction",
    "sample": "sample",
    "epsilon": "epsilon",
}
VALIDATION_STEPS = 8  # diffusion steps at which validation is done
SAMPLE_BATCH = 4096
GRADIENT_NORM = 1.0  # as ATM clips it
LAST_RATE = 0.01  # share of the learning rate at the end of the cosine


def noise_schedule(prediction: str, n_diffusion_steps: int):
    """Return the forward process (Ho et al., 2020), by diffusers.

    Parameters
    ----------
    prediction : ``"velocity"`` | ``"sample"`` | ``"epsilon"``
        What the denoiser predicts.
    n_diffusion_steps : int
        Steps from data to noise.

    Returns
    -------
    schedule : instance of DDPMScheduler
        The process. Samples are not clipped, since embeddings have no bounds.
    """
    _soft_import("diffusers", "the diffusion prior")
    from diffusers import DDPMScheduler

    return DDPMScheduler(
        num_train_timesteps=n_diffusion_steps,
        prediction_type=PREDICTIONS[prediction],
        clip_sample=False,
    )


class DiffusionTraining:
    """Trains a denoiser and keeps the running mean of its weights.

    Parameters
    ----------
    denoiser : instance of Denoiser
        The network, changed in place.
    schedule : instance of DDPMScheduler
        See :func:`noise_schedule`.
    n_updates : int
        Over how many updates the learning rate falls to its end.
    settings : dict
        ``learning_rate``, ``warm_up``, ``ema`` and ``drop_condition``, see
        :class:`mne_brainae.generation.DiffusionPrior`.
    device : device
        Where to compute.
    """

    def __init__(
        self, denoiser: Denoiser, schedule, n_updates: int, settings: dict, device
    ):
        self.schedule, self.device, self.settings = schedule, device, settings
        self.mean = copy.deepcopy(denoiser).requires_grad_(False).eval()
        self.learned = nn.ModuleList([denoiser, self.mean]).to(device)
        self.n_updates, self.n_done = n_updates, 0
        self.optimizer = torch.optim.Adam(
            denoiser.parameters(), lr=settings["learning_rate"]
        )

    def loss(self, network, brain, image, step, noise, keep) -> Tensor:
        """Return the squared error of the prediction."""
        noisy = self.schedule.add_noise(image, noise, step)
        predicted = network(noisy, step, brain, keep)
        return nn.functional.mse_loss(predicted, self._wanted(image, noise, step))

    def _wanted(self, image: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        kind = self.schedule.config.prediction_type
        if kind == "v_prediction":
            return self.schedule.get_velocity(image, noise, step)
        return image if kind == "sample" else noise

    def update(self, brain: Tensor, image: Tensor) -> Tensor:
        """Learn from one batch; random numbers are those of PyTorch's generator."""
        denoiser, n = self.learned[0], len(brain)
        n_steps = self.schedule.config.num_train_timesteps
        step = torch.randint(n_steps, (n,)).to(self.device)
        noise = torch.randn(image.shape).to(self.device)
        keep = (torch.rand(n, 1) >= self.settings["drop_condition"]).float()
        denoiser.train()
        loss = self.loss(denoiser, brain, image, step, noise, keep.to(self.device))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings["learning_rate"] * self._rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(denoiser.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.n_done += 1
        self._average()
        return loss.detach()

    def _rate(self) -> float:
        """Return the share of the learning rate: a warm-up, then half a cosine."""
        warm_up = min(self.settings["warm_up"], self.n_updates // 5)
        if self.n_done < warm_up:
            return (self.n_done + 1) / warm_up
        share = (self.n_done - warm_up) / max(self.n_updates - warm_up, 1)
        cosine = (1 + math.cos(math.pi * min(share, 1.0))) / 2
        return LAST_RATE + (1 - LAST_RATE) * cosine

    @torch.no_grad()
    def _average(self) -> None:
        # Early on, a short memory forgets the random weights at the start.
        decay = min(self.settings["ema"], (1 + self.n_done) / (10 + self.n_done))
        now = self.learned[0].parameters()
        for mean, value in zip(self.mean.parameters(), now, strict=True):
            mean.lerp_(value, 1 - decay)

    @torch.no_grad()
    def validate(self, brain: Tensor, image: Tensor) -> float:
        """Return the loss of the mean weights, at fixed steps with fixed noise."""
        generator = torch.Generator().manual_seed(0)
        n_steps = self.schedule.config.num_train_timesteps
        losses = []
        for place in range(VALIDATION_STEPS):
            at = int((place + 0.5) * n_steps / VALIDATION_STEPS)
            step = torch.full((len(image),), at, device=self.device)
            noise = torch.randn(image.shape, generator=generator).to(self.device)
            keep = torch.ones(len(image), 1, device=self.device)
            losses.append(self.loss(self.mean, brain, image, step, noise, keep))
        return float(torch.stack(losses).double().mean())


def train(
    training: DiffusionTraining,
    pairs: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    *,
    batch_size: int,
    max_epochs: int,
    seed: int,
    checkpoint: Path | None,
    fingerprint: str,
) -> State:
    """Train until validation no longer gains, and keep the best mean weights.

    Parameters
    ----------
    training : instance of DiffusionTraining
        What is trained.
    pairs, held_out : tuple of Tensor
        Brain and image embeddings to learn from, and to choose the epoch by.
    batch_size : int
        Pairs per update.
    max_epochs : int
        Passes over the pairs.
    seed : int
        Seed of order, noise and dropout.
    checkpoint : Path | None
        File to save the state to, and to go on from.
    fingerprint : str
        Identity of data and settings.

    Returns
    -------
    state : instance of State
        See :meth:`mne_brainae.models.training.Loop.run`.
    """
    device = training.device
    pairs, held_out = (
        tuple(part.to(device) for part in parts) for parts in (pairs, held_out)
    )
    order = torch.Generator().manual_seed(seed)
    n_batches = -(-len(pairs[0]) // batch_size)

    def learn(epoch: int) -> dict:
        training.n_done = epoch * n_batches
        rows = torch.randperm(len(pairs[0]), generator=order).to(device)
        losses = [
            training.update(pairs[0][batch], pairs[1][batch])
            for batch in rows.tensor_split(n_batches)
        ]
        return {"train_total": float(torch.stack(losses).double().mean())}

    def validate() -> dict:
        return {"validation_total": training.validate(*held_out)}

    loop = Loop(
        training.learned,
        training.optimizer,
        order,
        max_epochs,
        patience=PATIENCE,
        checkpoint=checkpoint,
        fingerprint=fingerprint,
        title="Training the prior",
    )
    with own_random_numbers(seed):
        return loop.run(learn, validate)


@torch.inference_mode()
def sample(
    denoiser: Denoiser,
    schedule,
    brain: Tensor | None,
    noise: Tensor,
    *,
    sampler: str,
    n_steps: int,
    guidance: float,
) -> Tensor:
    """Turn noise into image embeddings.

    Parameters
    ----------
    denoiser : instance of Denoiser
        The trained network.
    schedule : instance of DDPMScheduler
        See :func:`noise_schedule`.
    brain : Tensor, shape (n, n_condition) | None
        The conditions; None samples the prior alone.
    noise : Tensor, shape (n, n_target)
        Where to start.
    sampler : ``"ddim"`` | ``"dpm"`` | ``"ddpm"``
        How to go back.
    n_steps : int
        In how many steps.
    guidance : float
        Weight of the conditional against the unconditional prediction (Ho and
        Salimans, 2022); 1 is the conditional one alone.

    Returns
    -------
    image : Tensor, shape (n, n_target)
        The samples.
    """
    import diffusers

    name, options = SAMPLERS[sampler]
    parts = []
    for start in range(0, len(noise), SAMPLE_BATCH):
        stepper = getattr(diffusers, name).from_config(schedule.config, **options)
        stepper.set_timesteps(n_steps)
        x = noise[start : start + SAMPLE_BATCH]
        condition = None if brain is None else brain[start : start + SAMPLE_BATCH]
        for step in stepper.timesteps:
            predicted = _guided(denoiser, x, step, condition, guidance)
            x = stepper.step(predicted, step, x).prev_sample
        parts.append(x)
    return torch.cat(parts)


def _guided(denoiser, x: Tensor, step: Tensor, condition, guidance: float) -> Tensor:
    """Predict with and without the condition, and lean away from the latter."""
    steps = step.expand(len(x)).to(x.device)
    ones = torch.ones(len(x), 1, device=x.device)
    unseen = x.new_zeros(len(x), denoiser.n_condition)
    if condition is None:
        return denoiser(x, steps, unseen, 0 * ones)
    predicted = denoiser(x, steps, condition, ones)
    if guidance == 1:
        return predicted
    alone = denoiser(x, steps, unseen, 0 * ones)
    return alone + guidance * (predicted - alone)
