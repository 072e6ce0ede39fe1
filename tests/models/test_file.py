"""Every system is written to a file and read back; other files are refused."""

import json

import mne
import numpy as np
import pytest
from building import CLASSES, brief_model
from numpy.testing import assert_array_equal
from safetensors import safe_open
from safetensors.numpy import save_file

import mne_brainae


@pytest.fixture(scope="module", params=CLASSES)
def system(request, recording):
    return brief_model(request.param).fit(*recording)


def test_a_system_comes_back_as_it_was(system, unseen, tmp_path):
    system.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert type(again) is type(system)
    assert repr(again) == repr(system)
    assert again.selection_ == system.selection_
    assert again.train_images_ == system.train_images_
    assert again.feature_names_ == system.feature_names_
    assert mne.utils.object_diff(system.info_, again.info_) == ""
    for name in system._learned:
        assert str(getattr(again, name)) == str(getattr(system, name)), name


def test_a_system_does_what_it_did(system, unseen, tmp_path):
    """To the last bit: predictions, embeddings, completions, similarities."""
    system.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    epochs = mne_brainae.average_repetitions(unseen[0])
    features = unseen[1]
    assert again.latent_.similarities == system.latent_.similarities
    for name in system.latent_.similarities:
        found = [
            each.retrieve(epochs, features, similarity=name).similarity
            for each in (system, again)
        ]
        assert_array_equal(*found)
    masked = mne_brainae.mask_epochs(epochs, "random", 0.5, random_state=0)
    for method, given, how in (
        ("embed_images", features, {}),
        ("embed_epochs", epochs, {}),
        ("predict_epochs", features, {"output": "array"}),
        ("reconstruct", masked, {"output": "array"}),
    ):
        assert hasattr(again, method) == hasattr(system, method)
        if hasattr(system, method):
            found = [getattr(each, method)(given, **how) for each in (system, again)]
            assert_array_equal(*found)


def test_a_system_that_was_read_is_written_again(system, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    system.save(first)
    mne_brainae.read_brainae(first).save(second)
    assert first.read_bytes() == second.read_bytes()


def rewrite(fname, **changes):
    """Change entries of the header of a file."""
    with safe_open(fname, framework="numpy") as file:
        header = json.loads(file.metadata()["mne_brainae"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, fname, {"mne_brainae": json.dumps(header | changes)})


@pytest.fixture
def saved(model, tmp_path):
    fname = tmp_path / "model.safetensors"
    model.save(fname)
    return fname


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_truncated_model_file(share, saved):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="may be truncated"):
        mne_brainae.read_brainae(saved)


def test_foreign_model_file(saved):
    saved.write_text("this is no model, but a text of some length")
    with pytest.raises(
        ValueError, match=r"model\.safetensors is not a complete safetensors"
    ):
        mne_brainae.read_brainae(saved)
    save_file({"weight": np.zeros(3)}, saved)
    with pytest.raises(ValueError, match="no mark of mne_brainae, expected the model"):
        mne_brainae.read_brainae(saved)


@pytest.mark.parametrize("version", [0, 1, 2, 99, None])
def test_other_version(version, saved):
    rewrite(saved, version=version)
    with pytest.raises(ValueError, match=rf"format {version}.*release that wrote"):
        mne_brainae.read_brainae(saved)


def test_existing_file(model, saved):
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(saved)
    assert saved.read_bytes() == before
    model.save(saved, overwrite=True)
    assert mne_brainae.read_brainae(saved).times_.shape == model.times_.shape


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        mne_brainae.read_brainae(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("name", ["model.pt", "model", "model.fif"])
def test_wrong_suffix(name, model, tmp_path):
    with pytest.raises(ValueError, match=rf"end in .safetensors, got '{name}'"):
        model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_unknown_class(saved):
    rewrite(saved, **{"class": "Oracle"})
    with pytest.raises(ValueError, match=r"holds a 'Oracle', which .* does not know"):
        mne_brainae.read_brainae(saved)


@pytest.mark.parametrize("name", ["Popen", "os.system", "Latent"])
def test_nothing_else_is_built(name, saved):
    params = {"class": name, "params": {"args": "true"}}
    rewrite(saved, params={"training": params})
    with pytest.raises(ValueError, match=f"holds a '{name}'"):
        mne_brainae.read_brainae(saved)
