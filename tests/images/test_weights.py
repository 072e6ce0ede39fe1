"""Weights of image networks: from files, here or to be fetched, and never executed."""

import pickle

import numpy as np
import open_clip
import pytest
import timm
import torch
from image_networks import PICTURES, SMALL_VIT, features
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of the small ViT that are not its random ones, in every format."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        state = timm.create_model("test_vit").state_dict()
    save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "plain.pth")
    torch.save({"state_dict": state, "epoch": 3}, folder / "nested.pt")
    prefixed = {f"module.{name}": value for name, value in state.items()}
    torch.save({"model": prefixed}, folder / "prefixed.bin")
    return folder


def test_weights_from_a_file(weights):
    tables = [
        features(SMALL_VIT, pretrained=weights / name)
        for name in ("plain.safetensors", "plain.pth", "nested.pt", "prefixed.bin")
    ]
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])
    assert not np.allclose(tables[0], features(SMALL_VIT, pretrained="random"))


def test_weights_from_a_folder(weights, tmp_path):
    with pytest.raises(ValueError, match=r"several files of weights: 'nested\.pt'"):
        features(SMALL_VIT, pretrained=weights)
    with pytest.raises(ValueError, match=r"no file of weights.*\.safetensors"):
        features(SMALL_VIT, pretrained=tmp_path)
    (tmp_path / "notes.txt").write_text("about the weights")
    (tmp_path / "other.pth").write_bytes(b"not looked at")
    target = tmp_path / "model.safetensors"
    target.write_bytes((weights / "plain.safetensors").read_bytes())
    found = features(SMALL_VIT, pretrained=tmp_path)
    expected = features(SMALL_VIT, pretrained=weights / "plain.safetensors")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("tower_only", [False, True])
def test_weights_of_a_clip(small_clips, tmp_path, tower_only):
    """A whole CLIP, text tower included, or the image tower alone."""
    name = small_clips[0].removeprefix("open_clip:")
    model = open_clip.create_model(name)
    state = model.visual.state_dict() if tower_only else model.state_dict()
    save_file(dict(state), tmp_path / "open_clip_model.safetensors")
    found = features(small_clips[0], pretrained=tmp_path)
    _, _, transform = open_clip.create_model_and_transforms(name)
    batch = torch.stack([transform(picture) for picture in PICTURES.values()])
    with torch.inference_mode():
        expected = model.eval().encode_image(batch)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_damaged_and_foreign_weights(weights, tmp_path):
    whole = (weights / "plain.safetensors").read_bytes()
    for name, content in {
        "half.safetensors": whole[: len(whole) // 2],
        "half.pth": (weights / "plain.pth").read_bytes()[:5000],
        "empty.pt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} is not a complete|{name} holds"):
            features(SMALL_VIT, pretrained=tmp_path / name)
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="no weights by name"):
        features(SMALL_VIT, pretrained=tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match=r"of another network than resnet18"):
        features("timm:resnet18", pretrained=weights / "plain.pth")
    with pytest.raises(ValueError, match="of another network than resnet18"):
        features("torchvision:resnet18", pretrained=weights / "plain.pth")


class Payload:
    def __reduce__(self):
        return (open, ("executed.txt", "w"))


def test_weights_execute_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Payload()}, "evil.pt")
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(Payload()))
    for name in ("evil.pt", "evil.bin"):
        with pytest.raises(ValueError, match=rf"{name} holds more than tensors"):
            features(SMALL_VIT, pretrained=name)
    assert not (tmp_path / "executed.txt").exists()


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty Hugging Face cache, an empty PyTorch cache, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (
            "vit-b-16",
            "huggingface.co/timm/vit_base_patch16_224.augreg_in21k_ft_in1k/resolve/"
            "main/model.safetensors",
        ),
        (
            "clip-vit-h-14",
            "huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K/resolve/main/"
            "open_clip_model.safetensors",
        ),
        ("torchvision:alexnet", "download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
    ],
)
def test_missing_weights_name_the_file(name, address, offline):
    with pytest.raises(RuntimeError, match="not on this machine") as caught:
        features(name)
    assert f"Fetch https://{address} where there is a network" in str(caught.value)
    assert f"pretrained='path/to/{address.split('/')[-1]}'" in str(caught.value)


def test_weights_at_hand_need_no_network(weights, offline):
    repository = offline / "hub" / "models--timm--test_vit.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    content = (weights / "plain.safetensors").read_bytes()
    (repository / "snapshots" / "abc" / "model.safetensors").write_bytes(content)
    expected = features(SMALL_VIT, pretrained=weights / "plain.safetensors")
    np.testing.assert_array_equal(features(SMALL_VIT), expected)
