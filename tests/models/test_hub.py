"""Models travel over a server of the Hub's interface, and nothing else does."""

import json
import os

import mne
import numpy as np
import pytest
from hub_server import running_hub
from numpy.testing import assert_array_equal

import mne_brainae
from mne_brainae.models.card import model_card
from mne_brainae.models.hub import without_particulars
from mne_brainae.utils.units import as_whitened, is_whitened

TOKEN = "secret"


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with running_hub(monkeypatch, tmp_path / "cache", TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def linear(recording):
    return mne_brainae.LinearBrainAE(n_embedding=8).fit(*recording)


@pytest.fixture(scope="module")
def group(recording):
    epochs, features = recording
    epochs = epochs.copy()
    epochs.metadata["subject"] = np.resize(["ana", "bob"], len(epochs))
    return mne_brainae.GroupModel(n_embedding=8).fit(epochs, features)


def push(model, monkeypatch, repo="owner/of.model-1", **how):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return model.push_to_hub(repo, **how)


def test_a_model_comes_back_as_it_was(linear, unseen, hub, monkeypatch):
    address = push(linear, monkeypatch)
    assert address.startswith("hf://owner/of.model-1@")
    for name in (address, "hf://owner/of.model-1", "hf://owner/of.model-1@main"):
        again = mne_brainae.read_brainae(name)
        assert repr(again) == repr(linear)
        predicted = [
            each.predict_epochs(unseen[1], output="array") for each in (linear, again)
        ]
        assert_array_equal(*predicted)


def test_a_group_comes_back_as_it_was(group, unseen, hub, monkeypatch):
    again = mne_brainae.read_brainae(push(group, monkeypatch))
    assert again.subjects_ == group.subjects_
    for subject in ("ana", "bob"):
        predicted = [
            each.predict_epochs(unseen[1], subject=subject, output="array")
            for each in (group, again)
        ]
        assert_array_equal(*predicted)
    card = model_card(group, "owner/name")
    assert "| subject | ana |" in card
    assert "| subject | bob |" in card


def test_a_commit_is_read_after_another_one(linear, recording, hub, monkeypatch):
    first = push(linear, monkeypatch)
    other = mne_brainae.LinearBrainAE(n_embedding=5).fit(*recording)
    second = push(other, monkeypatch)
    assert first != second
    assert mne_brainae.read_brainae(first).n_embedding_ == linear.n_embedding_
    assert mne_brainae.read_brainae(second).n_embedding_ == 5
    assert mne_brainae.read_brainae("hf://owner/of.model-1").n_embedding_ == 5


def test_a_branch_is_made_and_read(linear, hub, monkeypatch):
    push(linear, monkeypatch, "owner/name@trial")
    assert mne_brainae.read_brainae("hf://owner/name@trial").times_.shape == (40,)
    with pytest.raises(FileNotFoundError, match=r"owner/name with a file model\.safe"):
        mne_brainae.read_brainae("hf://owner/name")


def test_a_private_model_needs_the_token(linear, hub, monkeypatch):
    push(linear, monkeypatch)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(FileNotFoundError, match="HF_TOKEN"):
        mne_brainae.read_brainae("hf://owner/of.model-1")
    push(linear, monkeypatch, "owner/public", private=False)
    monkeypatch.delenv("HF_TOKEN")
    hub.tokens_seen.clear()
    mne_brainae.read_brainae("hf://owner/public")
    assert set(hub.tokens_seen) == {None}


def test_a_model_is_not_sent_without_a_token(linear, hub):
    with pytest.raises(RuntimeError, match="HF_TOKEN"):
        linear.push_to_hub("owner/name")
    assert not hub.repos


def test_a_wrong_token_is_refused(linear, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "other")
    with pytest.raises(ConnectionError, match="refused owner/name"):
        linear.push_to_hub("owner/name")


def test_a_hub_that_cannot_be_reached(linear, monkeypatch, tmp_path):
    with running_hub(monkeypatch, tmp_path) as hub:
        pass
    assert hub.url.startswith("http://127.0.0.1")
    with pytest.raises(ConnectionError, match="cannot be reached"):
        push(linear, monkeypatch)


@pytest.mark.parametrize("revision", ["", "@absent"])
def test_what_the_hub_does_not_have(revision, linear, hub, monkeypatch):
    push(linear, monkeypatch, "owner/there")
    name = "owner/there" if revision else "owner/absent"
    with pytest.raises(FileNotFoundError, match=f"has no {name}{revision}"):
        mne_brainae.read_brainae(f"hf://{name}{revision}")


def test_without_a_network_the_cache_serves(linear, hub, monkeypatch):
    from huggingface_hub import constants

    push(linear, monkeypatch)
    mne_brainae.read_brainae("hf://owner/of.model-1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again = mne_brainae.read_brainae("hf://owner/of.model-1")
    assert repr(again) == repr(linear)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        mne_brainae.read_brainae("hf://owner/absent")


def test_a_file_that_is_no_model_is_refused(hub):
    hub.create("owner/other", private=False)
    hub.commit("owner/other", "main", {"model.safetensors": b"cos\nsystem\n(S'ls'"})
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        mne_brainae.read_brainae("hf://owner/other")


def test_card_and_configuration(linear, unseen, hub, monkeypatch):
    epochs = mne_brainae.average_repetitions(unseen[0])
    found = linear.retrieve(epochs, unseen[1])
    address = push(linear, monkeypatch, scores=[found], license="CC-BY-4.0")
    files = hub.repos["owner/of.model-1"][address.rpartition("@")[2]]
    assert set(files) == {"model.safetensors", "config.json", "README.md"}
    card = files["README.md"].decode()
    head = card.split("---\n")[1]
    assert "license: cc-by-4.0" in head
    assert "- eeg" in head
    for text in (
        "| channels | 16 eeg |",
        "| training images | 80 |",
        "| window | -0.1 to 0.29 s, 40 samples |",
        linear.selection_,
        repr(found),
        'read_brainae("hf://owner/of.model-1")',
    ):
        assert text in card
    config = json.loads(files["config.json"])
    assert config["class"] == "LinearBrainAE"
    assert config["params"]["n_embedding"] == 8
    assert "info" not in config


def test_the_card_is_valid_metadata(linear):
    from huggingface_hub import ModelCard

    data = ModelCard(model_card(linear, "owner/name", terms="mit")).data
    assert data.license == "mit"
    assert data.library_name == "mne_brainae"
    assert "No scores on test data were given." in model_card(linear, "owner/name")


def test_nothing_of_the_person_is_sent():
    info = mne.create_info(["Oz"], 100.0, "eeg")
    info["subject_info"] = {"his_id": "Q7", "last_name": "Doe", "sex": 1}
    info["experimenter"], info["description"] = "Mallory", "clinic of X"
    info.set_meas_date(1_600_000_000)
    inner = {"header": {"info": info.to_json_dict()}}
    sent = without_particulars({"models": [inner], "info": info.to_json_dict()})
    text = json.dumps(sent, default=str)
    for word in ("Q7", "Doe", "Mallory", "clinic", "1600000000", "2020"):
        assert word not in text
    assert mne.Info.from_json_dict(sent["info"])["ch_names"] == ["Oz"]
    assert "Q7" in json.dumps(inner, default=str)


def test_whitened_responses_stay_whitened():
    info = as_whitened(mne.create_info(["Oz"], 100.0, "eeg"))
    sent = without_particulars({"info": info.to_json_dict()})
    assert is_whitened(mne.Info.from_json_dict(sent["info"]))


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "a/b/c",
        "owner/na me",
        "../etc",
        "owner/..",
        "owner/a--b",
        "owner/x.git",
        "owner/name@",
        "owner/name@../../main",
        "owner/-name",
        "ówner/name",
        "owner/name\n",
    ],
)
def test_names_that_the_hub_does_not_take(name, linear):
    with pytest.raises(ValueError, match="owner/name"):
        mne_brainae.read_brainae(f"hf://{name}")
    with pytest.raises(ValueError, match="repo must be"):
        linear.push_to_hub(name)


def test_the_token_is_no_part_of_a_model(linear, hub, monkeypatch):
    address = push(linear, monkeypatch)
    for data in hub.repos["owner/of.model-1"][address.rpartition("@")[2]].values():
        assert TOKEN.encode() not in data
    assert os.environ["HF_TOKEN"] == TOKEN
