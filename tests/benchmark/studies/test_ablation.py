"""What the steps of the closed form are worth: a row for each of them."""

import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import ablation
from mne_brainae.benchmark.studies.ablation import BEST, SHUFFLED, VARIANTS

N_TEST = 200


def test_every_variant_is_scored_on_every_split(tmp_path, monkeypatch):
    some = ("linear", "at most 32 dimensions", "no spatial window")
    monkeypatch.setattr(ablation, "VARIANTS", {name: VARIANTS[name] for name in some})
    splits = ablation.simulated_splits(2, is_small=True, path=tmp_path)
    found = ablation.measure("SIMULATED EEG", splits, is_inner=True)
    # A fifth of 20 concepts of 4 images.
    assert "16 in every gallery" in found.protocol
    assert "top-1 is 0.062" in found.protocol
    assert "2 splits" in found.protocol
    # The Gabor features of the simulation have neither layers nor maps.
    expected = {BEST, *some, SHUFFLED} - {"no spatial window"}
    scores = found.table.set_index(["system", "seed"])
    assert set(scores.index) == {(name, seed) for name in expected for seed in (0, 1)}
    assert scores.notna().all(axis=None)


@pytest.mark.stochastic
@pytest.mark.data("macaque_v4")
def test_neurons(monkeypatch):
    """The full width, a bottleneck, and the control."""
    monkeypatch.setattr(
        ablation, "VARIANTS", {"linear": {}, "at most 8": {"n_embedding": 8}}
    )
    splits = ablation.neuron_splits("210225", "gabor", 1)
    found = ablation.measure("macaque V4", splits)
    assert f"{N_TEST} in every gallery" in found.protocol
    table = found.table.set_index("system")
    assert list(table.index) == [BEST, "linear", "at most 8", SHUFFLED]
    assert table.loc["linear", "encoding r"] > 0.4
    top_1 = table.filter(like="top-1")
    p = top_1.map(lambda accuracy: p_of(accuracy, N_TEST, 1 / N_TEST))
    assert p.loc["linear"].max() < 1e-6
    assert p.loc[SHUFFLED].min() > 1e-4
    assert table.loc["linear", "encoding r"] > table.loc["at most 8", "encoding r"]


def test_inner_split_holds_whole_concepts_out(recording):
    epochs, features = recording
    learn, judge, same = ablation.inner((epochs, None, features))
    assert same is features
    assert not set(learn.metadata["concept"]) & set(judge.metadata["concept"])
    assert judge.metadata["image"].is_unique
