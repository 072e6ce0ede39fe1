"""An image that was seen in fit is known again, whatever it is called."""

import shutil
import warnings

import pandas as pd
import pytest
from recordings import draw, driven, renamed

import mne_brainae

SEEN = "test images seen in fit"


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    """A folder of images, and one of copies under other names."""
    folder = tmp_path_factory.mktemp("stimuli")
    names = driven()[1].index
    draw(folder / "a", names)
    draw(folder / "new", names, seed=1)
    for name in names:
        (folder / "b").mkdir(exist_ok=True)
        shutil.copy(folder / "a" / name, folder / "b" / f"test_{name}")
    return folder


@pytest.fixture(scope="module")
def model(stimuli):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = mne_brainae.fit(driven()[0], stimuli / "a", recipe="linear")
    fname = stimuli / "model.safetensors"
    model.save(fname)
    return mne_brainae.read_brainae(fname)


@pytest.mark.parametrize(
    ("folder", "spell"),
    [
        ("a", lambda name: name),
        ("a", lambda name: name.removesuffix(".png")),
        ("a", lambda name: f"a/{name}"),
        ("b", lambda name: f"test_{name}"),
    ],
    ids=["same", "no suffix", "other path", "copy"],
)
def test_retrieval(model, stimuli, folder, spell):
    epochs = driven()[0]
    epochs = renamed(epochs, image=epochs.metadata["image"].map(spell))
    with pytest.warns(RuntimeWarning, match="24 of the test images were seen in fit"):
        found = model.retrieve(epochs, stimuli / folder)
    assert found.protocol[SEEN] == 24


def test_new_images_are_new(model, stimuli):
    epochs = driven()[0]
    epochs = renamed(epochs, image="new_" + epochs.metadata["image"])
    pictures = {f"new_{p.name}": p for p in (stimuli / "new").iterdir()}
    assert model.retrieve(epochs, pictures).protocol[SEEN] == 0


@pytest.fixture(scope="module")
def templates(stimuli):
    """Other images of every concept: paths by concept and name."""
    names = list(driven()[1].index)
    draw(stimuli / "templates", [f"t{name}" for name in names], seed=2)
    return {
        f"c{k}": {f"t{n}": stimuli / "templates" / f"t{n}" for n in names[k::6]}
        for k in range(6)
    }


@pytest.mark.parametrize("knows", ["files", "fit"])
def test_templates_that_copy_a_stimulus(model, stimuli, templates, knows):
    epochs = driven()[0]
    folder = "new" if knows == "files" else "a"
    if knows == "files":  # of images that the model has not seen
        shown = epochs.metadata["image"]
        paths = [str(stimuli / folder / name) for name in shown]
        epochs = renamed(epochs, image="new_" + shown, image_path=paths)
        assert model.classify(epochs, templates).protocol[SEEN] == 0
    copied = {k: dict(files) for k, files in templates.items()}
    copied["c1"]["copy.png"] = stimuli / folder / "im001.png"
    with pytest.warns(RuntimeWarning) as caught:
        model.classify(epochs, copied)
    said = [str(each.message) for each in caught]
    assert any("1 of the templates are copies" in text for text in said)
    assert any("'c1/copy.png'" in text for text in said)


def test_labels_as_features_tell_nothing():
    epochs, features = driven()
    concepts = epochs.metadata["concept"].to_numpy()[:24]
    labels = pd.get_dummies(pd.Series(concepts, features.index), dtype=float)
    is_train = epochs.metadata["image"].isin(features.index[:16]).to_numpy()
    model = mne_brainae.fit(epochs[is_train], labels.iloc[:16], recipe="linear")
    found = model.retrieve(epochs[~is_train], labels.iloc[16:])
    assert found.protocol[SEEN] == 0
