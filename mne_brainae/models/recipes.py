"""Named settings, and models made of them by the bare names of parameters.

This module imports no PyTorch, so that the command line can name the recipes at once.
"""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module


@dataclass(frozen=True)
class Recipe:
    """An estimator with settings.

    Parameters
    ----------
    estimator : str
        The name of the class.
    params : dict
        Its parameters that differ from their defaults; those of a part by their bare
        names.
    about : str
        What it is, in a line.
    """

    estimator: str
    params: dict = field(default_factory=dict)
    about: str = ""


#: Parameters of a model that another one starts from.
OF_START = ("n_embedding", "steps")
#: Where the estimators are.
ESTIMATORS = {
    "BraVL": "systems.bravl",
    "BrainAE": "brainae",
    "ContrastiveDecoder": "systems.contrastive",
    "GroupModel": "group.model",
    "LinearBrainAE": "linear",
    "LinearEncodingModel": "systems.linear_encoding",
    "MB2C": "systems.mb2c",
    "NonlinearEncodingModel": "systems.nonlinear_encoding",
    "RidgeModel": "systems.ridge",
}

#: Kernels of multi-blur, in pixels of an image of 224.
BLURS = (3, 9, 15, 21, 27, 33, 39, 45, 51, 57, 63)
#: What today's leaders have in common: the norm of the embedded response is free.
FREE_NORM = {
    "normalize_brain": False,
    "optimizer": "adamw",
    "betas": (0.9, 0.999),
}

RECIPES: dict[str, Recipe] = {
    # The closed form, and what held-out concepts gain by training beyond it.
    "best": Recipe(
        "BrainAE",
        {
            "init": Recipe("LinearBrainAE"),
            "brain_encoder": "linear",
            "image_projection": "squares",
            "inner_activation": False,
            "spatial_window": "auto",
            "imputation": "gaussian",
            "validation_size": 0.2,
            "max_epochs": 3,
            "min_updates": 150,
            "patience": 3,
        },
        "the closed form, and an autoencoder trained from there",
    ),
    "linear": Recipe("LinearBrainAE", {}, "the closed form alone, in seconds"),
    # Section 4.2, Tables 6 and 7, Appendix I: validation on 740 random images.
    "paper": Recipe(
        "BrainAE",
        {"validation": "image", "validation_size": 740, "standardize": "evoked"},
        "the network of the paper, from random weights",
    ),
    # Version 0.2 of the authors' code; doc/release.rst lists what differs.
    "release": Recipe(
        "BrainAE",
        {
            "brain_encoder": {
                "nice": {"kernel_length": 26, "pool_length": 5, "pool_stride": 5}
            },
            "brain_decoder": "release",
            "image_projection": "identity",
            "standardize": "raw",
            "standardize_images": False,
            "initialization": "release",
            "validation": "image",
            "validation_size": 740,
        },
        "the network, scaling and first weights of the authors' release",
    ),
    # Gifford et al. 2022: from the pixels to every channel and time.
    "end_to_end": Recipe(
        "NonlinearEncodingModel",
        {
            "image_encoder": {"name": "pixels"},
            "image_projection": "convnet",
            "brain_decoder": "linear",
            "optimizer": "radam",
            "betas": (0.9, 0.999),
            "learning_rate": 1e-5,
            "batch_size": 64,
            "max_epochs": 50,
            "min_updates": 0,
            "validation_size": 1000,
        },
        "AlexNet trained from pixels to responses (Gifford et al.)",
    ),
    # The systems of Table 2, decoding only, as their authors train them, but chosen on
    # concepts that were held out, and never on the test.
    "nice": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": "nice",
            "learning_rate": 2e-4,
            "batch_size": 1000,
            "max_epochs": 200,
        },
        "NICE of Table 2, which decodes only",
    ),
    "atm": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": "atm",
            "learning_rate": 3e-4,
            "betas": (0.9, 0.999),
            "batch_size": 64,
            "max_epochs": 40,
        },
        "ATM of Table 2, which decodes only",
    ),
    "benchetrit": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": "benchetrit",
            "regression": 0.25,
            "learn_temperature": True,
            "average": False,
            "learning_rate": 3e-4,
            "betas": (0.9, 0.999),
            "batch_size": 128,
            "max_epochs": 50,
            "patience": 10,
        },
        "Benchetrit et al. of Table 3: any montage, several subjects, single trials",
    ),
    # The systems that lead on THINGS-EEG2 today, decoding only. A temperature is the
    # inverse of the scale of logits that the authors name.
    "multi_blur": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": "time_mlp",
            # Sharp, and the blurs of OpenCV's kernels of 3, 9, 15, ... 63 pixels.
            "image_encoder": {
                "name": "clip-rn50",
                "degradations": (
                    "original",
                    *(f"blur:{(0.15 * size + 0.35) / 224:.4f}" for size in BLURS),
                ),
                "versions": "stack",
            },
            "image_projection": {
                "mixture": {
                    "weights": "dimension",
                    "n_free": 4,
                    "n_hidden": 768,
                    "dropout": 0.85,
                }
            },
            "temperature": 1.0,
            **FREE_NORM,
            "learning_rate": 1e-3,
            "weight_decay": 0.01,
            "batch_size": 1024,
            "max_epochs": 150,
        },
        "multi-blur: many blurred versions of an image, mixed per dimension",
    ),
    "ubp": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": "flat",
            "image_encoder": {
                "name": "clip-rn50",
                "degradations": "fovea:0.0317",
                "degrade_gallery": True,
            },
            "temperature": 0.367,
            "learn_temperature": True,
            **FREE_NORM,
            "learning_rate": 1e-4,
            "weight_decay": 1e-4,
            "batch_size": 1024,
            "max_epochs": 50,
        },
        "UBP: a foveal blur of the images, and a flat brain encoder",
    ),
    "neurobridge": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": {"flat": {"n_hidden": 1024}},
            "image_encoder": {
                "name": "clip-rn50",
                "degradations": ("blur", "noise:0.0392", "lowres:0.5", "mosaic:0.0714"),
                "degrade_gallery": True,
            },
            "image_projection": "linear",
            "n_embedding": 512,
            **FREE_NORM,
            "smooth_augmentation": 0.3,
            "learning_rate": 1e-4,
            "weight_decay": 1e-4,
            "batch_size": 1024,
            "max_epochs": 50,
        },
        "NeuroBridge: the mean of four degraded versions of an image",
    ),
    "samga": Recipe(
        "ContrastiveDecoder",
        {
            "brain_encoder": {"flat": {"n_hidden": 1024}},
            "image_encoder": {
                "name": "internvit-6b",
                "layer": (20, 24, 28, 32, 36),
                "pool": "mean",
            },
            "image_projection": {
                "mixture": {"start": (-2.0, -1.0, 0.0, -1.0, -2.0), "n_reduced": 1024}
            },
            "n_embedding": 512,
            "temperature": 0.366,
            **FREE_NORM,
            "mmd": (0.9, 0.5, 20),
            "smooth_augmentation": 0.3,
            "learning_rate": 1e-4,
            "schedule": ((20, 0.5),),
            "weight_decay": 1e-4,
            "batch_size": 512,
            "max_epochs": 60,
        },
        "SAMGA: five layers of a large network, mixed by learned weights",
    ),
    "bravl": Recipe(
        "BraVL",
        {
            "learning_rate": 1e-4,
            "betas": (0.9, 0.999),
            "batch_size": 1024,
            "max_epochs": 500,
        },
        "BraVL of Table 2, which predicts responses as well",
    ),
    "mb2c": Recipe(
        "MB2C",
        {"learning_rate": 2e-4, "batch_size": 2048, "max_epochs": 200},
        "MB2C of Table 2, which decodes only",
    ),
}


def estimator_class(name: str) -> type:
    """Return the class of an estimator by its name."""
    return getattr(import_module(f".{ESTIMATORS[name]}", __package__), name)


def make_model(recipe: str = "best", **params):
    """Make a model of named settings, not yet fitted.

    Parameters
    ----------
    recipe : str
        The named settings, as in :func:`mne_brainae.fit`.
    **params
        Parameters that differ from the recipe, those of a part by their bare names,
        such as ``max_epochs=10`` for ``training=Training(max_epochs=10)``.

    Returns
    -------
    model : instance of LinearBrainAE | BrainAE | ContrastiveDecoder | BraVL
        The model.

    Raises
    ------
    ValueError
        If the recipe does not exist, or a parameter is impossible.
    TypeError
        If no parameter has such a name.

    See Also
    --------
    mne_brainae.fit
    mne_brainae.BrainAE
    mne_brainae.LinearBrainAE

    Examples
    --------
    >>> import mne_brainae
    >>> mne_brainae.make_model("paper", n_embedding=64, max_epochs=10)
    BrainAE(n_embedding=64, standardize='evoked',
            training=Training(max_epochs=10, validation='image', validation_size=740))
    """
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be one of {tuple(RECIPES)}, got {recipe!r}.")
    chosen = RECIPES[recipe]
    model = estimator_class(chosen.estimator)()
    own = {name: _build(name, value) for name, value in chosen.params.items()}
    for given in (own, params):
        set_by_name(model, given)
    return model


def _build(name: str, value):
    """Make the objects that a recipe only describes."""
    if isinstance(value, Recipe):
        return estimator_class(value.estimator)()
    if name == "image_encoder":
        from ..images import ImageEncoder

        return ImageEncoder(**value)
    return value


def parts_of(model) -> dict[str, type]:
    """Return the classes of the parts that a model is made of, by parameter."""
    from .parts import Losses, Training

    parts = {"training": Training, "losses": Losses}
    own = model.get_params(deep=False)
    return {name: part for name, part in parts.items() if name in own}


def names_of_params(model) -> set[str]:
    """Return the names of all parameters of a model, those of its parts included."""
    names = set(model.get_params(deep=False))
    for part in parts_of(model).values():
        names |= set(part().get_params())
    if getattr(model, "init", None) is not None:
        names |= set(OF_START)
    return names


def set_by_name(model, params: dict):
    """Set parameters of a model, and those of its parts by their bare names.

    Parameters
    ----------
    model : instance of Model
        The model, changed in place; parts that are shared with others are copied.
    params : dict
        The parameters.

    Returns
    -------
    model : instance of Model
        The model.

    Raises
    ------
    TypeError
        If no parameter has such a name. The message suggests the closest one.
    """
    from sklearn.base import clone

    unknown = {name.partition("__")[0] for name in params} - names_of_params(model)
    if unknown:
        _refuse(model, sorted(unknown)[0])
    own = model.get_params(deep=False)
    start = params.get("init", own.get("init"))
    if hasattr(start, "get_params"):  # its latent space is that of the linear model
        of_start = {name: params[name] for name in OF_START if name in params}
        params = {name: params[name] for name in params if name not in of_start}
        params = params | {"init": clone(start).set_params(**of_start)}
    model.set_params(**{name: params[name] for name in params if name in own})
    for name, part in parts_of(model).items():
        known = part().get_params()
        given = {key: value for key, value in params.items() if key in known}
        nested = {
            key.partition("__")[2]: value
            for key, value in params.items()
            if key.startswith(f"{name}__")
        }
        if given | nested:
            now = getattr(model, name)
            settings = {} if now is None else now.get_params()
            model.set_params(**{name: part(**settings | given | nested)})
    return model


def known_params(model, params: dict) -> dict:
    """Return the parameters that a model, or a part of it, has."""
    names = names_of_params(model)
    return {name: value for name, value in params.items() if name in names}


def _refuse(model, name: str) -> None:
    known = names_of_params(model)
    close = get_close_matches(name, known, 1)
    hint = f"Did you mean {close[0]!r}?" if close else f"It has {sorted(known)}."
    raise TypeError(f"{type(model).__name__} has no parameter {name!r}. {hint}")
