"""A fitted model in one file, and back."""

# License: BSD-3-Clause

from __future__ import annotations

import json
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from .. import __version__
from ..images import ImageEncoder
from ..preprocessing.imputation import Imputer
from ..preprocessing.scaling import Scaler
from ..utils.files import (
    as_group,
    read_arrays,
    take_group,
    write_arrays,
)

MODEL_FILE = {"kind": "model file", "version": 2}
#: Parameters that may be objects of the user's own.
PARTS = ("brain_encoder", "brain_decoder", "image_projection", "image_encoder")
#: Learned attributes that JSON holds as they are.
LEARNED = (
    "best_epoch_",
    "feature_names_",
    "n_embedding_",
    "selection_",
    "spatial_window_",
    "temperature_",
    "train_images_",
)


def name_of(part) -> str | None:
    """Name a part of a model, for protocols and headers."""
    if isinstance(part, np.generic):
        return part.item()
    if part is None:
        return None
    if _is_plain(part):
        return str(part)
    return getattr(part, "__name__", type(part).__name__)


def _is_plain(part) -> bool:
    return part is None or isinstance(part, str | ImageEncoder)


def _as_json(part):
    return part.to_dict() if isinstance(part, ImageEncoder) else name_of(part)


def _from_json(encoder: str | dict | None) -> str | ImageEncoder | None:
    return ImageEncoder(**encoder) if isinstance(encoder, dict) else encoder


def _as_tuple(value):
    """Make a tuple again of one that went through JSON."""
    return tuple(value) if isinstance(value, list) else value


def write_model(model, fname: Path) -> None:
    """Write a fitted BrainAE to a safetensors file."""
    weights = model.network_.state_dict()
    arrays = as_group("network", {name: w.numpy() for name, w in weights.items()})
    arrays |= {"mean_response": model._mean_response, "times": model.times_}
    for name, scaler in _scalers(model).items():
        arrays |= as_group(name, vars(scaler))
    if model._noise_axes is not None:
        arrays["noise_axes"] = model._noise_axes
    if model._imputer is not None:
        arrays |= as_group("imputer", vars(model._imputer))
    write_arrays(fname, arrays, _header(model))


def _scalers(model) -> dict[str, Scaler]:
    scalers = {"brain": model._brain_scaler, "image": model._image_scaler}
    return {name: scaler for name, scaler in scalers.items() if scaler is not None}


def _header(model) -> dict:
    params = model.get_params()
    params["picks"] = None if params["picks"] is None else model.info_["ch_names"]
    params["random_state"] = model._seed
    params |= {"checkpoint": None, "memory_map": None}
    return {
        **MODEL_FILE,
        "written_by": f"mne_brainae {__version__}, mne {mne.__version__}, "
        f"torch {torch.__version__}",
        "params": json.loads(json.dumps(params, default=_as_json)),
        "own_parts": [name for name in PARTS if not _is_plain(params[name])],
        "image_encoder_": _as_json(model.image_encoder_),
        "info": model.info_.to_json_dict(),
        "history": model.history_.to_dict(orient="list"),
        **{name: getattr(model, name) for name in LEARNED},
    }


def read_model(cls: type, fname: Path, parts: dict):
    """Rebuild a fitted model of class ``cls`` from its file."""
    arrays, header = read_arrays(fname, **MODEL_FILE)
    missing = [name for name in header["own_parts"] if name not in parts]
    needed = [name for name in missing if name != "image_encoder"]
    if needed:
        raise ValueError(
            f"The model was fitted with your own {', '.join(needed)} "
            f"({', '.join(header['params'][name] for name in needed)}). Give it back: "
            "read_brainae(fname, parts={name: module})."
        )
    params = header["params"] | dict.fromkeys(missing, "gabor") | parts
    for name in ("betas", "spatial_window"):
        params[name] = _as_tuple(params[name])
    params["image_encoder"] = _from_json(params["image_encoder"])
    model = cls(**params)
    for name in LEARNED:
        setattr(model, name, header[name])
    model.spatial_window_ = _as_tuple(model.spatial_window_)
    model.history_ = pd.DataFrame(header["history"]).rename_axis("epoch")
    encoder = _from_json(header["image_encoder_"])
    model.image_encoder_ = parts.get("image_encoder", encoder) if encoder else None
    if "image_encoder" in missing:
        model.image_encoder_ = None
    model.info_ = mne.Info.from_json_dict(header["info"])
    model._seed = header["params"]["random_state"]
    _restore_arrays(model, arrays)
    return model


def _restore_arrays(model, arrays: dict[str, np.ndarray]) -> None:
    model.times_, model._mean_response = arrays["times"], arrays["mean_response"]
    model._noise_axes = arrays.get("noise_axes")
    imputer, image = (take_group(name, arrays) for name in ("imputer", "image"))
    model._imputer = Imputer(**imputer) if imputer else None
    model._brain_scaler = Scaler(**take_group("brain", arrays))
    model._image_scaler = Scaler(**image) if image else None
    model.network_ = model._build_network().eval()
    load_weights(model.network_, take_group("network", arrays))


def load_weights(network: torch.nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Put the weights that a file held into a network."""
    network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
