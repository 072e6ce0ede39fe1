"""Networks of braindecode that were trained before, saved and read locally."""

import json
from importlib.util import find_spec

import mne
import numpy as np
import pytest
import torch

import mne_brainae
from mne_brainae.nn.backbones import import_braindecode
from mne_brainae.nn.pretrained import (
    SOURCES,
    PretrainedEncoder,
    check_config,
    know_recording,
    match_channels,
)

pytestmark = pytest.mark.skipif(
    find_spec("braindecode") is None, reason="braindecode is not installed"
)
#: Settings under which the networks are tiny, and windows as they were trained on.
TINY = {
    "labram": {"num_layers": 1, "num_heads": 2, "n_chans": 128, "n_times": 600},
    "bendr": {
        "encoder_h": 16,
        "contextualizer_hidden": 16,
        "transformer_layers": 1,
        "transformer_heads": 2,
        "n_chans": 20,
        "n_times": 768,
    },
    "cbramod": {"n_layer": 1, "n_chans": 19, "n_times": 600},
}
NAMES = ["Fz", "Cz", "pz", "Oz", "T3", "VEOG"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save a network with random weights for every name."""
    models = import_braindecode("labram")

    folders = {}
    for seed, (name, config) in enumerate(TINY.items()):
        torch.manual_seed(seed)
        network = getattr(models, SOURCES[name].network)(n_outputs=2, **config)
        folders[name] = tmp_path_factory.mktemp(name)
        network.save_pretrained(folders[name])
    return folders


def encoder_of(name, folder, ch_names=NAMES, sfreq=100.0, n_times=80):
    known = know_recording(name, {"weights": folder}, ch_names, sfreq)
    encoder = PretrainedEncoder(name, len(ch_names), n_times, 7, **known)
    encoder.load(folder)
    return encoder.eval()


@pytest.mark.parametrize("name", TINY)
def test_weights_are_those_of_the_file(name, saved):
    from safetensors.torch import load_file

    encoder = encoder_of(name, saved[name])
    found = load_file(saved[name] / "model.safetensors")
    wanted = encoder.network.state_dict()
    assert any(key.startswith("final_layer") for key in wanted)
    for key, value in wanted.items():
        if key.startswith("final_layer"):
            continue
        expected = found[key]
        if key == "temporal_embedding":  # of three patches, the first is in use
            expected = expected[:, : value.shape[1]]
        torch.testing.assert_close(value, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", TINY)
def test_the_order_of_channels_does_not_matter(name, saved):
    """Channels are matched by name, wherever the network has names."""
    torch.manual_seed(0)
    encoder = encoder_of(name, saved[name])
    order = [5, 3, 0, 4, 1, 2]
    other = encoder_of(name, saved[name], [NAMES[i] for i in order])
    other.load_state_dict(encoder.state_dict())
    brain = torch.randn(2, len(NAMES), 80)
    same = torch.allclose(other(brain[:, order]), encoder(brain), atol=1e-5)
    assert same == (SOURCES[name].channels is not None)


@pytest.mark.parametrize("name", ["labram", "bendr"])
def test_what_the_network_gets(name, saved):
    """The known channels at their places, resampled, and zeros elsewhere."""
    encoder = encoder_of(name, saved[name], n_times=100)
    given = []
    encoder.network.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    times = np.arange(100) / 100
    brain = torch.zeros(1, len(NAMES), 100)
    brain[0, 1] = torch.tensor(np.sin(2 * np.pi * 5 * times))
    encoder(brain)
    (window,) = given
    source = SOURCES[name]
    assert window.shape[2] % source.patch == 0
    (row,) = torch.nonzero(window[0].abs().amax(1) > 0.1)
    models = import_braindecode("labram")

    names = getattr(getattr(models, source.channels[0]), source.channels[1])
    assert names[row].lower() == "cz"
    n = int(source.sfreq)
    expected = np.sin(2 * np.pi * 5 * np.arange(n) / source.sfreq)
    np.testing.assert_allclose(window[0, row[0], :n], expected, atol=1e-4)
    assert not window[0, row[0], n:].any()


def test_names_are_matched():
    assert match_channels(["Oz", "t3", "x"], ["T7", "OZ"]) == ([0, 1], [1, 0])
    assert match_channels(["a", "b"], None) == ([0, 1], [0, 1])
    with pytest.raises(ValueError, match=r"None of the channels, such as .*E1"):
        know_recording("labram", {}, ["E1", "E2"], 100.0)
    with pytest.raises(ValueError, match="'sfreq' is taken from the recording"):
        know_recording("labram", {"sfreq": 5.0}, NAMES, 100.0)


@pytest.mark.parametrize("code", ["os.system", "torch.load", "torch.nn.Module.x"])
def test_a_configuration_names_no_code(code, saved, tmp_path):
    config = json.loads((saved["labram"] / "config.json").read_text())
    del config["braindecode_version"]
    check_config(config)
    config["activation"] = code
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="not an activation of PyTorch"):
        know_recording("labram", {"weights": tmp_path}, NAMES, 100.0)


def test_weights_of_another_network_are_refused(saved, tmp_path):
    for part in ("config.json", "model.safetensors"):
        source = saved["labram" if part == "config.json" else "bendr"] / part
        (tmp_path / part).write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="of another network than Labram"):
        encoder_of("labram", tmp_path)
    with pytest.raises(FileNotFoundError, match="save_pretrained of braindecode"):
        encoder_of("labram", tmp_path / "absent")


@pytest.fixture(scope="module")
def heard(recording):
    """Epochs whose channels have names of the 10-20 system."""
    epochs, features = recording
    names = mne.channels.make_standard_montage("biosemi16").ch_names
    assert "Oz" in names
    return epochs.copy().pick(names[:8]), features


@pytest.mark.parametrize("recipe", ["paper", "nice"])
def test_a_model_learns_from_there_and_is_read_back(recipe, heard, saved, tmp_path):
    epochs, features = heard
    more = {"brain_decoder": "linear"} if recipe == "paper" else {}
    model = mne_brainae.fit(
        epochs,
        features,
        recipe=recipe,
        brain_encoder={"labram": {"weights": saved["labram"]}},
        image_projection="linear",
        n_embedding=6,
        max_epochs=1,
        min_updates=1,
        random_state=0,
        **more,
    )
    model.save(tmp_path / "model.safetensors")
    moved = saved["labram"].rename(tmp_path / "moved")  # a file needs no weights beside
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    moved.rename(saved["labram"])
    np.testing.assert_array_equal(
        again.embed_epochs(epochs[:5]), model.embed_epochs(epochs[:5])
    )


def test_training_starts_from_the_weights(heard, saved):
    epochs, features = heard
    model = mne_brainae.make_model(
        "nice",
        brain_encoder={"labram": {"weights": saved["labram"]}},
        image_projection="linear",
        n_embedding=6,
        random_state=0,
    )
    model.check()
    data = model._read(epochs, features, 0, validation="concept", validation_size=0.1)
    weights = model._build(data).brain_encoder.network.state_dict()
    expected = encoder_of("labram", saved["labram"]).network.state_dict()
    key = "blocks.0.mlp.0.weight"
    torch.testing.assert_close(weights[key], expected[key], rtol=0, atol=0)


def test_a_start_of_ones_own_is_refused(heard, saved):
    choice = {"labram": {"weights": saved["labram"]}}
    for how in ({"init": mne_brainae.LinearBrainAE()}, {"initialization": "release"}):
        with pytest.raises(ValueError, match="neither init nor initialization"):
            mne_brainae.BrainAE(brain_encoder=choice, **how).check()
