"""A model of many subjects in one file, and back."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ...preprocessing.scaling import Scaler
from ...utils.files import as_group, take_group, write_arrays
from ..file import MODEL_FILE, decode, encode, header_of_params, pack, rebuild
from .member import Member
from .newcomer import PREDICTIONS
from .zero_shot import TypicalNoise

#: The fields of :class:`Member` that are arrays, and those that a header holds.
ARRAYS = ("weights", "feature_mean", "patterns", "left_out", "times")
TEXTS = ("name", "slope", "images")
#: The fields of :class:`TypicalNoise` that are arrays.
NOISE = "channels", "functions"
#: The name of the mean map among the models of a file.
MEAN = "mean map"


def write_group(model, fname: Path) -> None:
    """Write a fitted model of many subjects to a safetensors file.

    Parameters
    ----------
    model : instance of GroupModel
        The model.
    fname : Path
        The file.
    """
    write_arrays(fname, *pack_group(model))


def pack_group(model) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and the header that its file holds."""
    arrays = {"reference": model.reference_, "agreement": model.agreement_}
    arrays |= as_group("scaler", vars(model.scaler_))
    if model.noise_ is not None:
        fields = {name: getattr(model.noise_, name) for name in NOISE}
        arrays |= as_group("noise", fields)
    members = []
    for number, member in enumerate(model.members_):
        fields = {name: getattr(member, name) for name in ARRAYS}
        arrays |= as_group(f"member{number}", fields)
        about = {name: getattr(member, name) for name in TEXTS}
        members.append(about | {"info": member.info.to_json_dict()})
    known = dict(model.models_)
    if model.anyone_ is not None:
        known[MEAN] = model.anyone_
    models = []
    for number, (name, each) in enumerate(known.items()):
        inner, header = pack(each)
        arrays |= as_group(f"model{number}", inner)
        models.append({"subject": name, "header": header})
    header = {
        **MODEL_FILE,
        **header_of_params(model, picks=_plain(model.picks)),
        "members": members,
        "models": models,
        "weights": model.weights_.to_numpy().tolist(),
        "subjects": list(model.weights_.index),
        "slopes": model.slopes_.to_dict(),
        "selection": model.selection_,
        "seed": model.seed_,
        "stacks": model.stacks_,
        "repetitions": getattr(model.noise_, "repetitions", None),
        "image_encoder": encode(model.image_encoder_),
    }
    return arrays, header


def _plain(picks):
    """Return picks as a header can hold them; a slice is taken for all channels."""
    if picks is None or isinstance(picks, str):
        return picks
    return None if isinstance(picks, slice) else np.asarray(picks).tolist()


def rebuild_group(model, arrays: dict, header: dict, parts: dict):
    """Give a model of many subjects what its file holds.

    Parameters
    ----------
    model : instance of GroupModel
        The model, not fitted.
    arrays : dict of array
        The arrays of the file.
    header : dict
        Its header.
    parts : dict
        The user's own image encoder.

    Returns
    -------
    model : instance of GroupModel
        The same model, fitted.
    """
    model.scaler_ = Scaler(**take_group("scaler", arrays))
    model.reference_, model.agreement_ = arrays["reference"], arrays["agreement"]
    model.members_ = [
        Member(
            **take_group(f"member{number}", arrays),
            **{name: about[name] for name in TEXTS},
            info=mne.Info.from_json_dict(about["info"]),
        )
        for number, about in enumerate(header["members"])
    ]
    known = {
        each["subject"]: rebuild(
            take_group(f"model{number}", arrays), each["header"], parts
        )
        for number, each in enumerate(header["models"])
    }
    model.anyone_ = known.pop(MEAN, None)
    model.models_ = known
    model.noise_ = None
    if model.anyone_ is not None:
        parts_of_noise = take_group("noise", arrays)
        info = model.anyone_.latent_.info
        model.noise_ = TypicalNoise(
            info, **parts_of_noise, repetitions=header["repetitions"]
        )
    weights = np.array(header["weights"], float).reshape(-1, len(PREDICTIONS))
    model.weights_ = pd.DataFrame(weights, header["subjects"], PREDICTIONS)
    model.slopes_ = pd.Series(header["slopes"], dtype=float)
    model.selection_, model.seed_ = header["selection"], header["seed"]
    model.stacks_ = header["stacks"]
    encoder = header["image_encoder"]
    is_own = isinstance(encoder, dict) and set(encoder) == {"own"}
    model.image_encoder_ = parts.get("image_encoder") if is_own else decode(encoder)
    return model
