"""The parameters of a BrainAE, checked before any work."""

# License: BSD-3-Clause

from __future__ import annotations

import torch

from ..nn.decoders import BRAIN_DECODERS
from ..nn.encoders import BRAIN_ENCODERS
from ..nn.fast.computation import COMPUTATIONS
from ..nn.fast.precision import PRECISIONS
from ..nn.losses import LOSS_TERMS
from ..nn.tsconv import UPSAMPLINGS
from ..utils.checks import _check_fname, _check_option, _validate_type
from .closed_form import check_n_signal
from .file import name_of

OPTIONS = {
    "init": ("random", "ridge"),
    "validation": ("concept", "image"),
    "standardize": ("channel", "evoked"),
    "imputation": ("mean", "gaussian"),
    "computation": COMPUTATIONS,
    "precision": PRECISIONS,
    "upsampling": tuple(UPSAMPLINGS),
}
POSITIVE = ("temperature", "learning_rate", "validation_size")


def check_params(model) -> None:
    """Check what a model was given.

    Parameters
    ----------
    model : instance of BrainAE
        The model. What is impossible, alone or together, is an error that says what
        would do.
    """
    _check_parts(model)
    for name, options in OPTIONS.items():
        _check_option(name, getattr(model, name), options)
    check_n_signal(model.n_signal)
    for name in model.loss_weights or {}:
        _check_option("loss_weights", name, LOSS_TERMS)
    for name in POSITIVE:
        if getattr(model, name) <= 0:
            raise ValueError(f"{name} must be positive, got {getattr(model, name)}.")
    _check_mask_augmentation(model.mask_augmentation, model.computation)
    if model.memory_map is not None:
        _check_fname(
            model.memory_map, "read", must_exist=True, name="memory_map", need_dir=True
        )
    _check_init(model)


def _check_parts(model) -> None:
    for name, registry in (
        ("brain_encoder", BRAIN_ENCODERS),
        ("brain_decoder", BRAIN_DECODERS),
    ):
        choice = getattr(model, name)
        _validate_type(choice, (str, torch.nn.Module), name)
        if isinstance(choice, str):
            _check_option(name, choice, tuple(registry))
    if isinstance(model.image_projection, str):
        _check_option(
            "image_projection", model.image_projection, ("linear", "identity")
        )


def _check_mask_augmentation(share: float, computation: str) -> None:
    """Refuse a share of masked responses that is none, or that no fast form takes."""
    if not 0 <= share <= 1:
        raise ValueError(f"mask_augmentation must lie between 0 and 1, got {share}.")
    if share and computation == "fast":
        raise ValueError(
            "mask_augmentation shows the encoder something else than it is to bring "
            "back, which computation='fast' cannot. Take 'auto' or 'plain'."
        )


def _check_init(model) -> None:
    """Refuse epochs that are too few, and what no closed form is known for."""
    least = 0 if model.init == "ridge" else 1
    if model.max_epochs < least:
        raise ValueError(
            f"max_epochs must be at least {least} with init={model.init!r}, got "
            f"{model.max_epochs}."
        )
    parts = (model.brain_encoder, model.brain_decoder, model.image_projection)
    if model.init == "ridge" and parts != ("linear",) * 3:
        raise ValueError(
            "init='ridge' solves for linear maps: give brain_encoder='linear', "
            "brain_decoder='linear' and image_projection='linear', or take "
            f"recipe='best', got {', '.join(str(name_of(part)) for part in parts)}."
        )
