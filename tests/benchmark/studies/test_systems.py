"""The systems of Table 2 between chance and the best possible decoder."""

import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import systems
from mne_brainae.benchmark.studies.shapes import Shape

N_TEST = 40


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return systems.measure(
        ("best", "ridge"),
        n_train_concepts=40,
        n_test_concepts=N_TEST,
        path=tmp_path_factory.mktemp("images"),
    )


def test_every_system_has_a_row(found):
    names = [
        name for name, (of, _) in systems.SYSTEMS.items() if of in ("best", "ridge")
    ]
    rest = ["chance", "mean response", "best possible"]
    assert list(found.table.index) == [*names, *rest]
    assert list(found.table.columns) == list(systems.COLUMNS)
    assert "SIMULATED" in found.protocol
    assert f"{N_TEST} test images of unseen concepts" in found.protocol
    accuracies = found.table[list(systems.ACCURACIES)]
    assert accuracies.loc["chance"].tolist() == [1 / N_TEST, 5 / N_TEST] * 2
    assert accuracies.loc["best possible"].isna().tolist() == [False] * 2 + [True] * 2
    assert found.table.loc["mean response", "encoding r"] == 0


@pytest.mark.stochastic
def test_systems_find_images_and_no_more_than_can_be_found(found):
    best = found.table.loc["best possible", "top-5"]
    for _, row in found.table.iloc[:-3].iterrows():
        assert p_of(row["top-5"], N_TEST, 5 / N_TEST) < 1e-3
        assert row["top-5"] <= best + 2 / N_TEST  # as good as any, but for luck
        assert row["encoding r"] > 0.05


@pytest.mark.parametrize(
    ("recipe", "n_versions", "words"),
    [
        ("nice", 1, "gabor"),
        ("multi_blur", 12, "versions side by side"),
        ("samga", 5, "versions side by side"),
        ("ubp", 1, "training and gallery images degraded by fovea"),
        ("ridge", 1, "gabor"),
    ],
)
def test_gabor_features_of_what_a_system_looks_at(recipe, n_versions, words):
    encoder = systems.gabor_encoder(recipe)
    assert encoder.name == "gabor"
    assert systems.n_versions(encoder) == n_versions
    assert words in str(encoder)


@pytest.mark.parametrize("recipe", ["nice", "bravl", "mb2c", "multi_blur", "samga"])
def test_an_epoch_is_timed_at_any_size(recipe):
    found = systems.time_epochs([recipe], Shape(8, 100, 40), n_features=6)
    row = found.table.loc[recipe]
    assert row["seconds per epoch"] > 0
    assert row["processor seconds"] > 0
    hours = row["seconds per epoch"] * row["epochs"] / 3600
    assert row["hours"] == pytest.approx(hours)
    assert "40 images, 8 channels x 100 times" in found.protocol
