"""The concepts, categories and images of THINGS."""

import shutil

import pandas as pd
import pytest
from evidence import need
from miniatures import (
    EEG2_TEST,
    encrypted,
    write_pictures,
)

import mne_brainae
from mne_brainae.datasets import _fetch, things


@pytest.mark.data("things")
def test_real_concepts():
    concepts = things.read_concepts()
    assert len(concepts) == concepts.index.nunique() == 1854
    assert concepts.index[0] == "aardvark"
    assert list(concepts["number"][["aardvark", "abacus"]]) == [1, 2]
    for name in EEG2_TEST:  # numbers of THINGS-EEG2 are those of this table
        number, concept = name.split("_", 1)
        assert concepts["number"][concept] == int(number)


@pytest.mark.data("things")
def test_real_categories():
    categories = things.read_categories()
    assert categories.shape == (1854, 27)
    counts = categories[list(things.GROUPS)].sum()
    assert list(counts) == [177, 295, 70, 107]
    assert (~categories.any(axis=1)).sum() == 559
    assert categories.loc["aardvark", "animal"]


@pytest.mark.data("things")
def test_real_groups():
    groups = things.group_concepts()
    assert len(groups) == 607  # 21 more are in two of the four
    assert set(groups) == set(things.GROUPS)
    assert list(groups.unique()) == list(things.GROUPS)
    numbers = pd.read_csv(need("things") / "things_meg_test_images.tsv", sep="\t")
    names = things.read_concepts().index[numbers["things_category_nr"] - 1]
    meg = things.group_concepts(names)
    assert len(meg) == 26 + 37 + 8 + 10 - 2 * 2  # two concepts in two groups each


@pytest.mark.data("things")
def test_53_categories(tmp_path):
    """Members are 1 and others empty; rows are named by word."""
    for name in ("things_concepts.tsv", "category_mat_manual.tsv"):
        shutil.copy(need("things") / name, tmp_path)
    words = things.read_concepts(tmp_path)["word"]
    table = pd.DataFrame({"Word": words, "Definition": "x"}, index=words.index)
    for number in range(53):
        table[f"category {number}"] = ""
    table.loc["aardvark", "category 7"] = "1"
    file = tmp_path / "Categories_final_20200131.tsv"
    table.to_csv(file, sep="\t", index=False)
    categories = things.read_categories(tmp_path, n_categories=53)
    assert categories.shape == (1854, 53)
    assert categories.to_numpy().sum() == 1
    assert categories.loc["aardvark", "category 7"]
    table.iloc[::-1].to_csv(file, sep="\t", index=False)
    with pytest.raises(ValueError, match="another order of concepts"):
        things.read_categories(tmp_path, n_categories=53)
    table.iloc[:100].to_csv(file, sep="\t", index=False)
    with pytest.raises(ValueError, match="has 100 rows, expected the 1854 concepts"):
        things.read_categories(tmp_path, n_categories=53)


@pytest.mark.data("things")
def test_bad_arguments():
    with pytest.raises(ValueError, match="Allowed values are 27 and 53"):
        things.read_categories(n_categories=28)
    with pytest.raises(ValueError, match="not concepts of THINGS: 'unicorn'"):
        things.group_concepts(["aardvark", "unicorn"])
    with pytest.raises(ValueError, match=r"groups must be among .*got 'dragon'"):
        things.group_concepts(groups=["dragon"])


@pytest.fixture
def pictures(tmp_path):
    """Three images of each of two concepts, and a hidden file."""
    names = [f"{c}/{c}_{i:02d}b.jpg" for c in ("abacus", "acorn") for i in (1, 2, 3)]
    write_pictures(tmp_path / "object_images", names)
    (tmp_path / "object_images" / "acorn" / "._acorn_01b.jpg").write_bytes(b"")
    return tmp_path / "object_images"


TEST = pd.DataFrame(
    {"image": ["abacus_03b.jpg", "acorn_03b.jpg"], "concept": ["abacus", "acorn"]}
)


def test_list_images(pictures, tmp_path):
    found = things.list_images(pictures)
    assert len(found) == 6
    assert found["path"].map(lambda path: path.is_file()).all()
    assert list(found["concept"].unique()) == ["abacus", "acorn"]
    with pytest.raises(FileNotFoundError, match="does not exist"):
        things.list_images(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no image in"):
        things.list_images(pictures / "acorn")


def names(templates):
    return {concept: [f.name for f in files] for concept, files in templates.items()}


def test_templates_that_are_not_the_stimulus(pictures):
    assert names(things.find_templates(pictures, TEST)) == {
        "abacus": ["abacus_01b.jpg", "abacus_02b.jpg"],
        "acorn": ["acorn_01b.jpg", "acorn_02b.jpg"],
    }


def test_templates_that_were_never_shown(pictures):
    """What training showed is out, and concepts without any are counted."""
    shown = pd.DataFrame({"image": ["abacus_01b.jpg", "abacus_03b.jpg"]})
    found = things.find_templates(pictures, TEST, rule="never shown", shown=shown)
    assert names(found)["abacus"] == ["abacus_02b.jpg"]
    shown = pd.DataFrame({"image": ["acorn_01b.jpg", "acorn_02b.jpg"]})
    with pytest.warns(RuntimeWarning, match=r"1 of 2 concepts have no .*'acorn'"):
        found = things.find_templates(pictures, TEST, rule="never shown", shown=shown)
    assert list(found) == ["abacus"]


@pytest.mark.data("things")
def test_meg_concepts_without_a_picture_that_was_never_shown(tmp_path):
    """35 of the 200: of each, images 1 to 12 and one more were shown."""
    counts = pd.read_csv(need("things") / "things_images_per_concept.tsv", sep="\t")
    counts = counts.set_index("things_category_nr")
    test = pd.read_csv(need("things") / "things_meg_test_images.tsv", sep="\t")
    rows, shown = [], []
    for image, category in test.itertuples(index=False):
        first, n_images = counts.loc[category]
        names = [f"{category}_{i:02d}b.jpg" for i in range(1, n_images + 1)]
        (tmp_path / f"{category}").mkdir()
        for name in names:
            (tmp_path / f"{category}" / name).touch()
        rows.append((names[image - first], f"{category}"))
        shown += [*names[:12], names[image - first]]
    test = pd.DataFrame(rows, columns=["image", "concept"])
    shown = pd.DataFrame({"image": shown})
    with pytest.warns(RuntimeWarning, match="35 of 200 concepts have no template"):
        found = things.find_templates(tmp_path, test, rule="never shown", shown=shown)
    assert len(found) == 165
    assert len(things.find_templates(tmp_path, test)) == 200


def test_templates_bad_arguments(pictures):
    with pytest.raises(ValueError, match="needs shown="):
        things.find_templates(pictures, TEST, rule="never shown")
    with pytest.raises(ValueError, match="Invalid value for the 'rule' parameter"):
        things.find_templates(pictures, TEST, rule="any")
    with pytest.raises(ValueError, match="lacks the metadata columns concept"):
        things.find_templates(pictures, TEST[["image"]])
    other = TEST.assign(concept="unicorn")
    with (
        pytest.warns(RuntimeWarning, match="1 of 1 concepts have no template"),
        pytest.raises(ValueError, match="No concept has a template"),
    ):
        things.find_templates(pictures, other)


def test_templates_go_to_classify(recording, small, pictures):
    """Epochs, templates by rule, names."""
    epochs, _ = recording
    epochs = epochs.copy().pick(range(6))
    files = [f"{c}_{i:02d}b.jpg" for c in ("abacus", "acorn") for i in (1, 2, 3)]
    image = pd.Series([files[i % 6] for i in range(len(epochs))])
    epochs.metadata["image"] = image
    epochs.metadata["concept"] = image.str.split("_").str[0]
    is_test = image.isin(TEST["image"]).to_numpy()
    settings = small | {"max_epochs": 1, "min_updates": 1, "validation": "image"}
    model = mne_brainae.fit(epochs[~is_test], pictures, recipe="paper", **settings)
    test = epochs[is_test][:2]
    named = model.classify(test, things.find_templates(pictures, test))
    assert sorted(named.candidates) == ["abacus", "acorn"]


def test_pictures_only_with_the_password(tmp_path, upstream, monkeypatch):
    contents, asked = upstream
    monkeypatch.delenv(things.PASSWORD, raising=False)
    with pytest.raises(ValueError, match=r"Read their terms at https://osf\.io/j6a3m"):
        things.fetch(tmp_path, images=True)
    assert not asked
    for file in _fetch.read_registry("things").files.values():
        contents[file.url] = b"x" * (file.n_bytes if file.is_exact else 1)
    locked = encrypted("object_images/abacus/abacus_01b.jpg", b"image", b"open")
    contents[_fetch.read_registry("things").files["images_THINGS.zip"].url] = locked
    with pytest.raises(ValueError, match="does not open with the given password"):
        things.fetch(tmp_path, images=True, things_password="wrong")
    monkeypatch.setenv(things.PASSWORD, "open")
    folder = things.fetch(tmp_path, images=True)
    assert len(things.list_images(folder / "object_images")) == 1
    n_asked = len(asked)
    things.fetch(tmp_path, images=True)
    assert len(asked) == n_asked
