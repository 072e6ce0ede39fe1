"""A fitted model in one file, and back."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator

from .. import __version__
from ..images import ImageEncoder
from ..nn.network import build_network
from ..preprocessing.imputation import Imputer
from ..preprocessing.scaling import Scaler
from ..utils.checks import five
from ..utils.files import as_group, read_arrays, take_group, write_arrays
from ..utils.torch_state import own_state
from .latent import Latent
from .linear_gaussian import Bands, ConceptLaw, ErrorLaw, Novelty, Steps
from .parts import Losses, Training
from .recipes import ESTIMATORS, estimator_class
from .trial_noise import TrialNoise

MODEL_FILE = {"kind": "model file", "version": 4}
#: Parameters that no file holds: those that would tie it to one machine, and images
#: that were seen in fit.
NOT_IN_FILES = ("checkpoint", "memory_map", "transductive")
#: The fields of :class:`Latent` that are arrays, or None.
OPTIONAL_ARRAYS = ("distances", "noise_axes", "train_sketches")
#: The fields of :class:`Latent` that are groups of arrays.
GROUPS = {
    "brain_scaler": Scaler,
    "image_scaler": Scaler,
    "imputer": Imputer,
    "errors": ErrorLaw,
    "concepts": ConceptLaw,
    "bands": Bands,
    "novelty": Novelty,
    "concept_novelty": Novelty,
    "trial_noise": TrialNoise,
}


def name_of(part) -> str | None:
    """Name a part of a model, for protocols and headers."""
    if part is None:
        return None
    if isinstance(part, str | ImageEncoder):
        return str(part)
    return getattr(part, "__name__", type(part).__name__)


# -- what JSON can hold ---------------------------------------------------------------


def encode(value):
    """Turn a parameter into what JSON can hold; what is one's own becomes a name."""
    if isinstance(value, dict):
        return {name: encode(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return {"tuple": [encode(each) for each in value]}
    if isinstance(value, list | np.ndarray):
        return [encode(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, pd.DataFrame):
        return None  # a table is data of the fit
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ImageEncoder):
        return {"class": "ImageEncoder", "params": encode(value.to_dict())}
    if isinstance(value, Steps):
        return {"class": "Steps", "params": encode(asdict(value))}
    if isinstance(value, Training | Losses) or type(value).__name__ in ESTIMATORS:
        params = value.get_params(deep=False)
        params |= dict.fromkeys(set(NOT_IN_FILES) & set(params))
        return {"class": type(value).__name__, "params": encode(params)}
    return {"own": name_of(value)}


def decode(value):
    """Turn back what :func:`encode` made; only classes of this package are built."""
    if isinstance(value, list):
        return [decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"tuple"}:
        return tuple(decode(each) for each in value["tuple"])
    if set(value) == {"class", "params"}:
        kind, params = _class_named(value["class"]), decode(value["params"])
        # A file decides over no place to write to.
        return kind(**params | dict.fromkeys(set(NOT_IN_FILES) & set(params)))
    return {name: decode(each) for name, each in value.items()}


def _class_named(name: str) -> type:
    known = {each.__name__: each for each in (ImageEncoder, Losses, Steps, Training)}
    if name in known:
        return known[name]
    if name not in ESTIMATORS:
        raise ValueError(
            f"The file holds a {name!r}, which this release of mne_brainae does not "
            f"know; it knows {sorted(ESTIMATORS)}."
        )
    return estimator_class(name)


def own_parts(params: dict) -> list[str]:
    """Return the parameters that are objects of the user's own."""
    return [
        name
        for name, value in params.items()
        if isinstance(value, dict) and set(value) == {"own"}
    ]


# -- writing --------------------------------------------------------------------------


def write_model(model: BaseEstimator, fname: Path) -> None:
    """Write a fitted model to a safetensors file."""
    write_arrays(fname, *pack(model))


def pack(model: BaseEstimator) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and the header that a file of a fitted model holds."""
    latent = model.latent_
    weights = latent.network.state_dict()
    arrays = as_group("network", {k: w.cpu().numpy() for k, w in weights.items()})
    arrays |= {"mean_response": latent.mean_response, "times": latent.times}
    for name in OPTIONAL_ARRAYS:
        if (array := getattr(latent, name)) is not None:
            arrays[name] = array
    for name in GROUPS:
        if (group := getattr(latent, name)) is not None:
            arrays |= as_group(name, vars(group))
    return arrays, _header(model)


def header_of_params(model, **changed) -> dict:
    """Return what a header says of the class, its parameters and the versions."""
    params = model.get_params(deep=False) | changed
    if "random_state" in params:
        params["random_state"] = model.seed_
    params |= dict.fromkeys(set(NOT_IN_FILES) & set(params))
    return {
        "written_by": f"mne_brainae {__version__}, mne {mne.__version__}, "
        f"torch {torch.__version__}",
        "class": type(model).__name__,
        "params": encode(params),
    }


def _header(model) -> dict:
    latent = model.latent_
    picks = None if model.picks is None else latent.info["ch_names"]
    learned = {name: getattr(model, name) for name in model._learned}
    if "history_" in learned:
        learned["history_"] = learned["history_"].to_dict(orient="list")
    return {
        **MODEL_FILE,
        **header_of_params(model, picks=picks),
        "learned": encode(learned),
        "network": encode(latent.network.spec),
        "info": latent.info.to_json_dict(),
        "feature_names": latent.feature_names,
        "train_images": latent.train_images,
        "image_encoder": encode(latent.image_encoder),
        "slope": latent.slope,
        "completes_linearly": latent.completes_linearly,
        "baseline": encode(latent.baseline),
        "n_averaged": latent.n_averaged,
        "subjects": latent.subjects,
    }


# -- reading --------------------------------------------------------------------------


@own_state()
def read_model(fname: Path, parts: dict) -> BaseEstimator:
    """Rebuild a fitted model from its file."""
    arrays, header = read_arrays(fname, **MODEL_FILE)
    try:
        return rebuild(arrays, header, parts)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(
            f"{fname} is damaged: its header does not describe a model "
            f"({type(error).__name__}: {error}). Get the file from its source again."
        ) from error


def rebuild(arrays: dict, header: dict, parts: dict) -> BaseEstimator:
    """Return the model that arrays and a header describe."""
    unknown = set(parts) - set(header["params"])
    if unknown:
        raise ValueError(
            f"parts contain names that {header['class']} does not have: "
            f"{five(sorted(unknown))}. It has {', '.join(header['params'])}."
        )
    missing = [name for name in own_parts(header["params"]) if name not in parts]
    needed = [name for name in missing if name != "image_encoder"]
    if needed:
        names = ", ".join(header["params"][name]["own"] for name in needed)
        raise ValueError(
            f"The model was fitted with your own {', '.join(needed)} ({names}). Give "
            "it back: read_brainae(fname, parts={name: module})."
        )
    params = decode(header["params"]) | dict.fromkeys(missing, "gabor") | parts
    params |= dict.fromkeys(set(NOT_IN_FILES) & set(params))
    model = _class_named(header["class"])(**params)
    if hasattr(model, "read_from"):  # of many subjects
        return model.read_from(arrays, header, parts)
    learned = decode(header["learned"])
    for name in model._learned:
        setattr(model, name, learned[name])
    if hasattr(model, "history_"):
        model.history_ = pd.DataFrame(model.history_).rename_axis("epoch")
    model.latent_ = _read_latent(arrays, header, parts)
    return model


def _read_latent(arrays: dict, header: dict, parts: dict) -> Latent:
    spec = decode(header["network"])
    _check_sizes(spec, arrays)
    network = build_network(
        **spec | {name: parts[name] for name in parts if name in spec}
    )
    load_weights(network, take_group("network", arrays))
    encoder = header["image_encoder"]
    is_own = isinstance(encoder, dict) and set(encoder) == {"own"}
    groups = {}
    for name, cls in GROUPS.items():
        group = {
            key: array if array.ndim else array.item()
            for key, array in take_group(name, arrays).items()
        }
        groups[name] = cls(**group) if group else None
    return Latent(
        network=network.eval(),
        info=mne.Info.from_json_dict(header["info"]),
        times=arrays["times"],
        mean_response=arrays["mean_response"],
        feature_names=header["feature_names"],
        train_images=header["train_images"],
        image_encoder=parts.get("image_encoder") if is_own else decode(encoder),
        **{name: arrays.get(name) for name in OPTIONAL_ARRAYS},
        slope=header["slope"],
        completes_linearly=header["completes_linearly"],
        baseline=decode(header["baseline"]),
        n_averaged=header["n_averaged"],
        subjects=header["subjects"],
        **groups,
    )


def _check_sizes(spec: dict, arrays: dict) -> None:
    """Refuse a network that would be larger than the weights that fill it."""
    n_values = sum(array.size for array in arrays.values())
    sizes = list(_sizes_in(spec))
    shape = arrays["mean_response"].shape
    widths = [size for array in arrays.values() for size in array.shape]
    n_embedding, n_features = spec["n_embedding"], spec["n_image_features"]
    fits = (
        (spec["n_channels"], spec["n_times"]) == shape
        and max(sizes) <= n_values
        and n_embedding in widths
        and n_features in (None, *widths)
    )
    if not fits:
        raise ValueError(
            f"The file announces a network of sizes {sizes}, which its {n_values} "
            "values do not fill. It is damaged; get it from its source again."
        )


def _sizes_in(spec: dict) -> Iterator[int]:
    """Yield all sizes that a network is built by, those of its parts included."""
    for value in spec.values():
        if isinstance(value, dict):
            yield from _sizes_in(value)
        elif type(value) is int:
            yield value


def load_weights(network: torch.nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Put the weights that a file held into a network."""
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"The weights of the file are of another network: {error}"
        ) from error
