"""Names of images are matched by one rule, and never guessed."""

import shutil
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from recordings import draw, driven, renamed

import mne_brainae
from mne_brainae.images import find_images
from mne_brainae.images.pairing import image_paths, match_names, rows_by_name
from mne_brainae.images.sketches import Copies, sketch

PRESENT = ["cat/one.png", "cat/two.jpg", "dog/two.jpg", "top.png", "Bird.PNG"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cat/one.png", "cat/one.png"),
        ("cat\\one.png", "cat/one.png"),
        ("one.png", "cat/one.png"),
        ("one", "cat/one.png"),
        ("one.jpg", "cat/one.png"),  # converted
        ("cat/two", "cat/two.jpg"),
        ("images/dog/two.jpg", "dog/two.jpg"),
        ("/disk/images/dog/two", "dog/two.jpg"),
        ("sub/top.png", "top.png"),
        ("bird.png", "Bird.PNG"),
        ("CAT/TWO.JPG", "cat/two.jpg"),
        (b"top.png", "top.png"),
    ],
)
def test_spellings(name, found):
    assert match_names([name], PRESENT, "images") == [PRESENT.index(found)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["two"], r"Several.*two \(cat/two\.jpg, dog/two\.jpg\)"),
        (["bee/one.png"], "lacks these images: 'bee/one.png'"),
        (["tob.png"], "did you mean 'top.png'"),
        (["im.01"], "lacks these images"),
        (["s1/top.png", "s2/top.png"], "of different images.*only 'top.png'"),
    ],
)
def test_what_cannot_be_decided(names, message):
    with pytest.raises(ValueError, match=message):
        match_names(names, PRESENT, "images")


def test_the_same_folder_comes_first():
    assert match_names(["one"], ["a/one.png", "one.png"], "images") == [1]


def test_a_dot_in_a_name_is_no_suffix():
    names = ["im.01", "im.02"]
    assert match_names(["a/im.02"], names, "images") == [1]


def test_exact_names_are_found_without_a_search():
    names = [f"{i}" for i in range(50)]
    assert match_names(names[::-1], names, "images") == list(range(50))[::-1]


# ---------------------------------------------------------------- folders


def test_folder_that_is_a_link(tmp_path):
    draw(tmp_path / "disk", ["dog.png"])
    draw(tmp_path / "stimuli", ["cat.png"])
    (tmp_path / "stimuli" / "dogs").symlink_to(tmp_path / "disk")
    (tmp_path / "stimuli" / "back").symlink_to(tmp_path / "stimuli")  # no end
    assert list(find_images(tmp_path / "stimuli")) == ["cat.png", "dogs/dog.png"]


def test_accents(tmp_path):
    name = "caf\u00e9.png"
    draw(tmp_path, [normalize("NFD", name)])
    assert list(find_images(tmp_path, [name])) == [name]
    assert list(find_images(tmp_path)) == [name]
    features = pd.DataFrame([[1.0, 2.0]], index=[normalize("NFD", name)])
    table = mne_brainae.compute_image_features(features, names=[name])
    assert list(table.index) == [name]


def test_mapping_and_table_take_the_same_spellings(tmp_path):
    draw(tmp_path, ["one.png"])
    assert list(find_images({"one.png": tmp_path / "one.png"}, ["one"])) == ["one"]
    table = pd.DataFrame([[1.0], [2.0]], index=["cat/one.png", "two"])
    taken = mne_brainae.compute_image_features(table, names=["two.png", "one"])
    assert taken.iloc[:, 0].to_dict() == {"two.png": 2.0, "one": 1.0}


# ---------------------------------------------------------------- epochs and images


def test_two_files_of_one_name(tmp_path):
    epochs, features = driven()
    for seed in (0, 1):
        draw(tmp_path / f"s{seed}", features.index, seed)
    sessions = epochs.metadata["repetition"]
    paths = [
        str(tmp_path / f"s{session}" / name)
        for session, name in zip(sessions, epochs.metadata["image"], strict=True)
    ]
    epochs = renamed(epochs, image_path=paths)
    with pytest.raises(ValueError, match=r"two files.*'im000.png'.*s0.*s1"):
        mne_brainae.fit(epochs)
    # Copies of one image are one image.
    shutil.copytree(tmp_path / "s0", tmp_path / "s1", dirs_exist_ok=True)
    assert len(image_paths(epochs, epochs.metadata["image"])) == 24


def test_a_file_that_is_not_named():
    epochs = renamed(driven()[0], image_path=None)
    with pytest.raises(ValueError, match=r"'image_path'\] is missing.*'im000.png'"):
        image_paths(epochs, epochs.metadata["image"])


def test_rows_that_differ_by_rounding_are_one_image():
    rng = np.random.default_rng(0)
    names = pd.Series(["a", "b"] * 300)
    rows = np.tile(rng.standard_normal((2, 6)).astype(np.float32), (300, 1))
    rounded = rows * (1 + 1e-7 * rng.standard_normal(rows.shape)).astype(np.float32)
    assert list(rows_by_name(rounded, names).index) == ["a", "b"]
    rows[599, 3] *= 1.001
    with pytest.raises(ValueError, match="different rows of features in images: 'b'"):
        rows_by_name(rows, names)


def test_bytes_are_text_on_both_sides():
    epochs, features = driven()
    epochs = renamed(epochs, image=[name.encode() for name in epochs.metadata["image"]])
    table = features.set_axis([name.encode() for name in features.index])
    model = mne_brainae.fit(epochs, table, recipe="linear")
    assert model.train_images_ == list(features.index)


def test_names_as_bids_has_them():
    epochs, features = driven()
    epochs.metadata = epochs.metadata.rename(columns={"image": "stim_file"})
    model = mne_brainae.fit(epochs, features, recipe="linear")
    with pytest.warns(RuntimeWarning, match="24 of the test images were seen in fit"):
        found = model.retrieve(mne_brainae.average_repetitions(epochs), features)
    assert found.truth == list(features.index)


# ---------------------------------------------------------------- copies


def test_copies_are_told_by_their_features():
    rng = np.random.default_rng(0)
    known = rng.standard_normal((200, 500)).astype(np.float32)
    new = rng.standard_normal((5, 500)).astype(np.float32)
    new[3] = known[17] * (1 + 1e-6 * rng.standard_normal(500))
    sketches = sketch(known)
    scale = sketches.std(axis=0)
    assert Copies(sketches, scale).find(sketch(new)).tolist() == [-1, -1, -1, 17, -1]


@pytest.mark.parametrize(
    "known",
    [np.eye(4)[np.arange(40) % 4], np.ones((40, 3)), np.arange(40.0)[:, None]],
    ids=["labels", "constant", "one feature"],
)
def test_features_that_tell_no_image_from_another(known):
    sketches = sketch(known)
    assert (Copies(sketches, sketches.std(axis=0)).find(sketches) == -1).all()


def test_categories_and_rdms_take_the_same_spellings():
    features = driven()[1]
    rdm = mne_brainae.compute_rdm(features)
    bare = features.set_axis([name.removesuffix(".png") for name in features.index])
    other = mne_brainae.compute_rdm(bare.iloc[::-1])
    assert mne_brainae.compare_rdms(rdm, other, n_permutations=9).r == pytest.approx(1)
    groups = {name: "ab"[i % 2] for i, name in enumerate(bare.index)}
    assert mne_brainae.contrast_categories(rdm, groups).protocol["images"] == 24
    found = mne_brainae.Identification(np.eye(24), features.index, list(bare.index), {})
    assert found.truth == list(features.index)
    assert list(found.accuracy_by(groups)["n_epochs"]) == [12, 12]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_encoders_may_return_tensors(dtype):
    def encode(pictures):
        return torch.full((len(pictures), 3), 0.5, dtype=dtype, requires_grad=True)

    pictures = [Image.new("RGB", (8, 8))] * 2
    features = mne_brainae.compute_image_features(pictures, encode)
    assert (features == 0.5).all(axis=None)
