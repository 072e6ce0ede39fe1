"""The systems of Table 2 between chance and the best possible decoder."""

import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import systems

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
    assert list(found.table.index) == [*names, "chance", "best possible"]
    assert list(found.table.columns) == list(systems.COLUMNS)
    assert "SIMULATED" in found.protocol
    assert f"{N_TEST} test images of unseen concepts" in found.protocol
    assert found.table.loc["chance"].tolist() == [1 / N_TEST, 5 / N_TEST] * 2
    assert found.table.loc["best possible"].isna().tolist() == [False] * 2 + [True] * 2


@pytest.mark.stochastic
def test_systems_find_images_and_no_more_than_can_be_found(found):
    best = found.table.loc["best possible", "top-5"]
    for _, row in found.table.iloc[:-2].iterrows():
        assert p_of(row["top-5"], N_TEST, 5 / N_TEST) < 1e-3
        assert row["top-5"] <= best + 2 / N_TEST  # as good as any, but for luck
