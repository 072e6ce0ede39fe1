"""What tells fits, data, images and scorers from others, and finished fits, too."""

import json
import os
import threading
from dataclasses import dataclass, field, replace
from functools import partial

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import BaseEstimator

import mne_brainae
from mne_brainae import BrainAE, ImageEncoder
from mne_brainae.models.fingerprints import (
    fingerprint_epochs,
    fingerprint_fit,
    fingerprint_images,
    fingerprint_score,
    fingerprint_training,
)
from mne_brainae.models.training import Pairs


def _one(model, subject):
    """Return one."""
    return {"score": 1.0}


def _scaled(model, subject, *, by, test=None):
    """Return what it is told."""
    return {"score": float(by)}


@dataclass
class _Holder:
    """A scorer with a number of its own."""

    number: float

    def __call__(self, model, subject):
        return {"score": self.number}

    def method(self, model, subject):
        return {"score": -self.number}


@dataclass
class _Named(_Holder):
    """A scorer that says itself what it is."""

    def fingerprint(self, subject):
        return f"{subject} {self.number > 0}"


def _inside(number):
    return lambda model, subject: {"score": number}


def _epochs(value):
    data = np.full((2, 1, 5), value)
    return mne.EpochsArray(data, mne.create_info(1, 100.0, "eeg"), verbose="ERROR")


def _scorers():
    """Return scorers that are all different."""
    twins = [lambda m, s: {"score": 1.0}, lambda m, s: {"score": 2.0}]
    typed = {}
    for value in ("3", "4"):
        exec(f"def score(m, s): return {{'score': {value}}}", typed)
        yield typed["score"]
    yield from [
        None,
        _one,
        *twins,
        _inside(1.0),
        _inside(2.0),
        partial(_scaled, by=1),
        partial(_scaled, by=2),
        partial(_scaled, by=2, test=_epochs(0.0)),
        partial(_scaled, by=2, test=_epochs(1.0)),
        partial(_Named(1.0)),
        partial(_Named(-1.0)),
        _Holder(1.0),
        _Holder(2.0),
        _Holder(1.0).method,
        _Holder(2.0).method,
        _Named(1.0),
    ]


def test_scorers_are_told_apart_and_known_again():
    first, again = (
        [fingerprint_score(score, "a") for score in _scorers()] for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == len(first)
    assert fingerprint_score(_Named(2.0), "a") == fingerprint_score(_Named(1.0), "a")
    assert fingerprint_score(_Named(2.0), "b") != fingerprint_score(_Named(1.0), "a")


def test_a_scorer_that_calls_itself():
    def count(n):
        return 1 if n == 0 else count(n - 1)

    def outer(model, subject):
        return {"score": count(3)}

    assert fingerprint_score(outer, "a") == fingerprint_score(outer, "a")


def test_what_cannot_be_told_says_what_to_do():
    with pytest.raises(ValueError, match="a method fingerprint"):
        fingerprint_score(partial(_scaled, by=(i for i in range(2))), "a")
    with pytest.raises(ValueError, match="a method fingerprint"):
        fingerprint_score(partial(_scaled, by=[threading.Lock()]), "a")


@pytest.fixture
def fit(recording, small, tmp_path):
    """Fit one model in a folder."""
    epochs, features = recording
    short = small | {"recipe": "paper", "max_epochs": 1, "min_updates": 1}
    short.pop("random_state", None)

    def fit_(score, **given):
        return mne_brainae.fit_many(
            epochs, features, folder=tmp_path, score=score, **short, **given
        )

    return fit_


def test_another_score_is_not_taken_for_the_former(fit, tmp_path):
    fits = fit(partial(_scaled, by=1))
    pd.testing.assert_frame_equal(fit(partial(_scaled, by=1)), fits)
    for other in (partial(_scaled, by=2), _one, None):
        with pytest.raises(ValueError, match="is of another score than this call"):
            fit(other)
    assert fit(partial(_scaled, by=2), overwrite=True)["score"].tolist() == [2.0]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[1]", b'{"row": {}}'])
def test_damaged_results_are_named_or_replaced(fit, tmp_path, damage):
    fit(_one)
    (file,) = tmp_path.glob("*.json")
    whole = json.loads(file.read_text())
    file.write_bytes(damage)
    with pytest.raises(ValueError, match=f"{file.name} is damaged.*Delete it, or give"):
        fit(_one)
    assert fit(_one, overwrite=True)["score"].tolist() == [1.0]
    assert json.loads(file.read_text()).keys() == whole.keys()


def test_a_score_that_fails_is_mended_without_another_fit(fit, tmp_path):
    """The model does not depend on it: the next call goes on from its last state."""
    with pytest.raises(ZeroDivisionError):
        fit(lambda model, subject: {"score": 1 / 0})
    (checkpoint,) = tmp_path.glob("*.checkpoint.safetensors")
    before = checkpoint.stat().st_mtime_ns
    seen = []

    def look(model, subject):
        seen.append(checkpoint.stat().st_mtime_ns)
        return {"score": len(model.history_)}

    assert fit(look)["score"].tolist() == [1]
    assert seen == [before]


@dataclass
class _Part:
    """Declared values that an estimator is made of."""

    rate: float = 0.1
    max_epochs: int = 10
    checkpoint: str | None = None


@dataclass
class _Model(BaseEstimator):
    """An estimator of parts."""

    part: object = field(default_factory=_Part)
    seed: int = 0
    device: str = "auto"
    random_state: int | None = None


class _Other(_Model):
    """Another estimator of the same parts."""


def test_fits_differ_by_class_parameters_seed_and_data():
    fits = [
        fingerprint_fit(_Model(), "data", seed=0),
        fingerprint_fit(_Other(), "data", seed=0),
        fingerprint_fit(_Model(_Part(0.2)), "data", seed=0),
        fingerprint_fit(_Model(_Part(max_epochs=20)), "data", seed=0),
        fingerprint_fit(_Model(_Model()), "data", seed=0),
        fingerprint_fit(_Model(), "data", seed=1),
        fingerprint_fit(_Model(seed=1), "data", seed=0),
        fingerprint_fit(_Model(), "other", seed=0),
        fingerprint_fit(_Model(), "da", "ta", seed=0),
    ]
    assert len(set(fits)) == len(fits)


def test_what_changes_no_result_does_not_count():
    part = _Part(checkpoint="a.safetensors")
    without = [_Model(), _Model(part, device="cpu"), _Model(part, random_state=3)]
    assert len({fingerprint_fit(model, seed=0) for model in without}) == 1
    nested = [_Model(_Model(device=device)) for device in ("cpu", "cuda")]
    assert len({fingerprint_fit(model, seed=0) for model in nested}) == 1


def _pairs(seed):
    rng = np.random.default_rng(seed)
    brain, image = rng.standard_normal((4, 2, 3)), rng.standard_normal((4, 5))
    return Pairs(torch.from_numpy(brain), torch.from_numpy(image))


def test_a_training_is_of_its_held_out_pairs_too(tmp_path):
    training, held_out = _pairs(0), _pairs(1)
    mapped = replace(held_out, folder=tmp_path)
    brain_only = replace(held_out, image=None)
    first = fingerprint_training(_Model(), training, held_out, seed=0)
    assert fingerprint_training(_Model(), training, mapped, seed=0) == first
    longer = _Model(_Part(max_epochs=20))
    assert fingerprint_training(longer, training, held_out, seed=0) == first
    others = {
        fingerprint_training(_Model(), training, _pairs(2), seed=0),
        fingerprint_training(_Model(), training, brain_only, seed=0),
        fingerprint_training(_Model(), held_out, training, seed=0),
        fingerprint_training(_Model(), training, held_out, seed=1),
        fingerprint_training(_Model(_Part(0.2)), training, held_out, seed=0),
    }
    assert len(others | {first}) == 6


ENCODER = ImageEncoder("timm:resnet18", layer="layer1", pretrained="random")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "timm:resnet34"},
        {"layer": "layer4"},
        {"layer": ["layer1"]},
        {"pool": "mean"},
        {"pretrained": None},
        {"degradations": "blur"},
        {"degrade_gallery": True},
    ],
)
def test_image_encoders_differ_by_every_field(change):
    other = replace(ENCODER, **change)
    assert other.fingerprint() != ENCODER.fingerprint()
    models = [BrainAE(image_encoder=encoder) for encoder in (ENCODER, other)]
    assert len({fingerprint_fit(model, seed=0) for model in models}) == 2


def test_weights_of_an_image_encoder_count_by_content(tmp_path):
    file = tmp_path / "weights.pt"
    file.write_bytes(b"one")
    encoder = replace(ENCODER, pretrained=file)
    first = encoder.fingerprint()
    file.write_bytes(b"two")
    assert encoder.fingerprint() != first
    (tmp_path / "moved").mkdir()
    file.write_bytes(b"one")
    moved = file.rename(tmp_path / "moved" / "weights.pt")
    assert replace(ENCODER, pretrained=moved).fingerprint() == first


def _changed_epochs(epochs):
    """Return epochs that differ from others in one way each."""
    data, info = epochs.get_data(copy=True), epochs.info
    metadata, tmin = epochs.metadata, epochs.tmin
    given = {"metadata": metadata, "tmin": tmin, "verbose": "ERROR"}
    data[0, 0, 0] += 1e-6
    yield mne.EpochsArray(data, info, **given)
    yield epochs.copy().rename_channels({epochs.ch_names[0]: "other"})
    yield epochs.copy().shift_time(0.1)
    table = metadata.assign(image=metadata["image"].iloc[::-1].to_numpy())
    yield mne.EpochsArray(epochs.get_data(), info, **given | {"metadata": table})
    yield epochs[::-1]
    other = epochs.copy()
    other.info["bads"] = [epochs.ch_names[0]]
    yield other
    yield epochs.copy().set_channel_types(
        {epochs.ch_names[0]: "misc"}, on_unit_change="ignore"
    )


def test_epochs_count_by_content_and_files_by_state(recording, tmp_path):
    epochs = recording[0]
    prints = [fingerprint_epochs(each) for each in _changed_epochs(epochs)]
    prints.append(fingerprint_epochs(epochs))
    assert len(set(prints)) == len(prints)
    assert fingerprint_epochs(epochs.copy()) == prints[-1]
    file = tmp_path / "one-epo.fif"
    epochs.save(file, verbose="ERROR")
    first = fingerprint_epochs(file)
    (tmp_path / "one-2-epo.fif").write_bytes(b"of another recording")
    assert fingerprint_epochs(str(file)) == first
    part = tmp_path / "one-epo-1.fif"
    part.write_bytes(b"as MNE-Python splits large files")
    second = fingerprint_epochs(file)
    os.utime(part, ns=(0, 0))
    assert len({first, second, fingerprint_epochs(file)}) == 3


def _shows(names, **columns):
    epochs = _epochs(0.0)
    epochs.metadata = pd.DataFrame({"image": names, **columns})
    return epochs


def test_features_count_if_they_are_shown():
    table = pd.DataFrame(np.eye(3), index=["a", "b", "c"])
    epochs, first = _shows(["a", "b"]), None
    first = fingerprint_images(epochs, table)
    assert fingerprint_images(epochs, table.assign(**{"2": 0.0})) != first
    unseen, seen = table.copy(), table.copy()
    unseen.loc["c"], seen.loc["b"] = 9.0, 9.0
    assert fingerprint_images(epochs, unseen) == first
    assert fingerprint_images(epochs, seen) != first
    # Where names are found by another rule than equality, everything counts.
    renamed = _shows(["a.png", "b.png"])
    prints = [fingerprint_images(renamed, each) for each in (table, unseen, seen)]
    assert len(set(prints)) == 3


def test_pictures_count_if_they_are_shown(tmp_path):
    names = ["a.png", "b.png", "c.png"]
    files = [tmp_path / name for name in names]
    for file in files:
        Image.new("RGB", (4, 4)).save(file)
    paths = [str(file) for file in files[:2]]
    epochs = _shows(names[:2], image_path=paths)
    ways = (tmp_path, str(tmp_path), files, dict(zip(names, files, strict=True)), None)

    def prints():
        return [fingerprint_images(epochs, images) for images in ways]

    first = prints()
    Image.new("RGB", (9, 9)).save(files[2])
    assert prints() == first
    Image.new("RGB", (9, 9)).save(files[1])
    assert all(now != then for now, then in zip(prints(), first, strict=True))
    assert fingerprint_images(_shows(["lost", "a"]), tmp_path)  # the fit says it
    drawn = [{"a.png": Image.new("RGB", (4, side))} for side in (4, 5)]
    shown = _shows(["a.png", "a.png"])
    assert len({fingerprint_images(shown, each) for each in drawn}) == 2
