"""Files of features that other programs computed, in their own layouts."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from evidence import need
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from mne_brainae import compute_image_features, read_image_features

NAMES = [f"{index:05d}_ant/ant_{index:02d}s.jpg" for index in range(6)]
ROWS = np.random.default_rng(0).standard_normal((6, 8)).astype("float32")


def test_layouts_of_one_array(tmp_path):
    """NICE: an array, at times with a side of length one; and the same elsewhere."""
    np.save(tmp_path / "clip_feature_maps_training.npy", ROWS)
    np.save(tmp_path / "nice.npy", ROWS[:, np.newaxis].astype("float64"))
    torch.save(torch.from_numpy(ROWS), tmp_path / "rows.pt")
    torch.save(torch.from_numpy(ROWS).half(), tmp_path / "half.pth")
    for path in sorted(tmp_path.iterdir()):
        table = read_image_features(path, NAMES)
        assert list(table.index) == NAMES
        assert table.index.name == "image"
        assert table.dtypes.eq("float32").all()
        tolerance = 2e-3 if path.name == "half.pth" else 0
        np.testing.assert_allclose(table, ROWS, atol=tolerance)
        again = compute_image_features(table, names=NAMES[::-1])
        np.testing.assert_array_equal(again, table.iloc[::-1])


def test_atm_layout(tmp_path):
    """Features of images lie beside those of texts."""
    tensors = {"text_features": torch.zeros(3, 8), "img_features": torch.tensor(ROWS)}
    torch.save(tensors, tmp_path / "ViT-H-14_features_train.pt")
    table = read_image_features(tmp_path / "ViT-H-14_features_train.pt", NAMES)
    np.testing.assert_array_equal(table["img_features"], ROWS)
    path = tmp_path / "ViT-H-14_features_train.pt"
    with pytest.raises(ValueError, match=r"shape \(3, 8\).*6 names"):
        read_image_features(path, NAMES, key="text_features")


def test_gifford_layouts(tmp_path):
    """A pickled dictionary from layer to scores, and one of maps per image."""
    layers = {"features.2": ROWS, "classifier.5": 2 * ROWS[:, :3]}
    np.save(tmp_path / "pca_feature_maps_training.npy", layers)
    table = read_image_features(tmp_path / "pca_feature_maps_training.npy", NAMES)
    assert list(table.columns.unique("layer")) == list(layers)
    np.testing.assert_array_equal(table["classifier.5"], 2 * ROWS[:, :3])
    one = read_image_features(
        tmp_path / "pca_feature_maps_training.npy", NAMES, key=["classifier.5"]
    )
    np.testing.assert_array_equal(one, table[["classifier.5"]])
    folder = tmp_path / "training_images"
    folder.mkdir()
    maps = np.random.default_rng(1).standard_normal((6, 1, 2, 3, 4)).astype("float32")
    for index in reversed(range(6)):
        picture = {"conv": maps[index], "fc": ROWS[index : index + 1]}
        np.save(folder / f"training_images_{index + 1:07d}.npy", picture)
    table = read_image_features(folder, NAMES)
    np.testing.assert_array_equal(table["fc"], ROWS)
    column = ("conv", 1, 2, 3)
    np.testing.assert_array_equal(table[column], maps[:, 0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"6 \.npy files, but names lists 5"):
        read_image_features(folder, NAMES[:5])
    np.save(folder / "training_images_0000004.npy", {"conv": maps[3]})
    with pytest.raises(ValueError, match=r"0000004\.npy holds 'conv', but.*'fc'"):
        read_image_features(folder, NAMES)


def test_archives(tmp_path):
    arrays = {"early": ROWS, "late": ROWS[:, :2].copy()}
    np.savez(tmp_path / "rows.npz", **arrays)
    save_file(arrays, tmp_path / "rows.safetensors")
    for path in sorted(tmp_path.iterdir()):
        table = read_image_features(path, NAMES)
        assert table.shape == (6, 10)
        np.testing.assert_array_equal(table["late"], ROWS[:, :2])
        with pytest.raises(ValueError, match=r"no entry 'middle'.*'early', 'late'"):
            read_image_features(path, NAMES, key="middle")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_tensors_of_any_type_with_gradients(dtype, tmp_path):
    tensor = torch.ones(4, 8, dtype=dtype, requires_grad=True)
    torch.save({"img_features": tensor}, tmp_path / "features.pt")
    table = read_image_features(tmp_path / "features.pt", list("abcd"))
    assert table.shape == (4, 8)
    assert (table == 1).all(axis=None)


def test_complex_tensors(tmp_path):
    torch.save(torch.ones(4, 8) * 1j, tmp_path / "features.pt")
    with pytest.raises(TypeError, match="complex"):
        read_image_features(tmp_path / "features.pt", list("abcd"))


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (NAMES[:5], ValueError, r"shape \(6, 8\).*5 names"),
        ([*NAMES[:5], NAMES[0]], ValueError, "more than once"),
        ("names.txt", TypeError, "names must be a sequence"),
    ],
)
def test_wrong_names(names, error, message, tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(error, match=message):
        read_image_features(tmp_path / "rows.npy", names)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.full((6, 2), np.nan), ValueError, "must be finite"),
        (np.full((6, 2), 1j), TypeError, "real numbers"),
        (np.full((6, 2), "x"), TypeError, "real numbers"),
        (np.zeros(6), ValueError, r"shape \(6,\)"),
        (np.zeros((6, 0)), ValueError, r"shape \(6, 0\)"),
    ],
)
def test_wrong_arrays(array, error, message, tmp_path):
    np.save(tmp_path / "rows.npy", array)
    with pytest.raises(error, match=message):
        read_image_features(tmp_path / "rows.npy", NAMES)


class Payload:
    def __reduce__(self):
        return (open, ("executed.txt", "w"))


def test_damaged_foreign_and_evil_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", ROWS)
    np.savez("rows.npz", a=ROWS)
    save_file({"a": ROWS}, "rows.safetensors")
    torch.save(torch.from_numpy(ROWS), "rows.pt")
    for suffix in ("npy", "npz", "safetensors", "pt"):
        whole = Path(f"rows.{suffix}").read_bytes()
        for name, content in (("half", whole[: len(whole) // 2]), ("empty", b"")):
            Path(f"{name}.{suffix}").write_bytes(content)
            with pytest.raises(ValueError, match=rf"{name}\.{suffix}"):
                read_image_features(f"{name}.{suffix}", NAMES)
    np.save("evil.npy", np.array(Payload(), object))
    np.savez("evil.npz", a=np.array(Payload(), object))
    torch.save(Payload(), "evil.pt")
    Path("bare.npy").write_bytes(pickle.dumps(Payload()))
    for name in ("evil.npy", "evil.npz", "evil.pt", "bare.npy"):
        with pytest.raises(ValueError, match=name):
            read_image_features(name, NAMES)
    assert not Path("executed.txt").exists()
    Path("rows.txt").write_text("1 2 3")
    with pytest.raises(ValueError, match=r"ends in '\.txt'"):
        read_image_features("rows.txt", NAMES)
    with pytest.raises(FileNotFoundError, match="lost"):
        read_image_features("lost.npy", NAMES)
    torch.save([1, 2], "list.pt")
    with pytest.raises(ValueError, match="holds a list"):
        read_image_features("list.pt", NAMES)


@pytest.mark.data("things")
def test_real_clip_features_of_things():
    """CLIP features that the authors of NICE publish for THINGS-EEG2."""
    folder = need("things")
    names = [f"image {index:03d}" for index in range(200)]
    images = read_image_features(folder / "clip_l14_test_images.npy", names)
    templates = read_image_features(folder / "clip_l14_class_templates.npy", names)
    assert images.shape == templates.shape == (200, 768)
    unit = [
        table.div(np.linalg.norm(table, axis=1), axis=0)
        for table in (images, templates)
    ]
    similarity = unit[0] @ unit[1].T
    assert (similarity.to_numpy().argmax(axis=1) == np.arange(200)).mean() > 0.8


def test_tensors_of_every_kind(tmp_path):
    tensor = torch.from_numpy(ROWS)
    for suffix, save in (("pt", torch.save), ("safetensors", save_tensors)):
        fname = tmp_path / f"rows.{suffix}"
        save({"img_features": tensor.to(torch.bfloat16).contiguous()}, fname)
        table = read_image_features(fname, NAMES)
        np.testing.assert_allclose(table, ROWS, rtol=1e-2)
    torch.save(tensor.clone().requires_grad_(), tmp_path / "grad.pt")
    np.testing.assert_array_equal(
        read_image_features(tmp_path / "grad.pt", NAMES), ROWS
    )
    torch.save(tensor.to(torch.complex64), tmp_path / "complex.pt")
    with pytest.raises(TypeError, match="real numbers"):
        read_image_features(tmp_path / "complex.pt", NAMES)
