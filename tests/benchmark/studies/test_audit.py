"""The audit: clean scores, and what each known inflation adds."""

import mne
import numpy as np
import pandas as pd
import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import audit, inflation
from mne_brainae.commands import main
from mne_brainae.commands.benchmark import audit as command
from mne_brainae.scoring.significance import holm, signed_rank_above_zero

SMALL = {"n_subjects": 2, "n_concepts": 12, "n_test": 24, "snr": 0.3}


@pytest.fixture(scope="module")
def found():
    """Audit two systems, of which one is trained by epochs."""
    return audit.measure(("ridge", "nice"), n_epochs=2, **SMALL)


def test_every_inflation_has_a_column(found):
    scores, prices = found
    assert set(audit.INFLATED) <= set(scores.table)
    assert list(prices.table.index) == [
        "ridge",
        "nice",
        "mean",
        *prices.table.index[3:],
    ]
    untrained = [audit.LAST, audit.BEST_EPOCH, audit.BEST_SEED]
    assert scores.table.loc["ridge", untrained].isna().all()
    assert scores.table.loc["nice", list(audit.INFLATED)].notna().all()
    assert scores.table.loc["chance", audit.CLEAN] == 1 / 24
    assert "24 test images of other concepts" in scores.protocol


def test_systems_that_need_a_course_of_time_are_refused_at_the_door(monkeypatch):
    monkeypatch.setattr(audit, "of_macaque_v4", lambda *args: pytest.fail("read data"))
    with pytest.raises(ValueError, match="'nice', 'release' need responses over time"):
        audit.measure(("best", "nice", "release"), data="190923")
    assert not {"nice", "release"} & set(audit._applicable(None, "190923"))
    everywhere = audit._applicable(None, audit.SIMULATED)
    assert "nice" in everywhere
    assert "release" not in everywhere


def test_what_is_chosen_on_the_test_never_costs(found):
    price = found[1].table.loc["nice"]
    chosen = [audit.BEST_EPOCH, audit.BEST_SEED, audit.WINDOW]
    assert (price[chosen] >= 0).all()
    assert (
        found[0].table.loc["nice", audit.BEST_EPOCH]
        >= (found[0].table.loc["nice", audit.LAST])
    )


@pytest.mark.stochastic
def test_ridge_finds_images_and_its_control_does_not(found):
    scores = found[0].table.loc["ridge"]
    assert p_of(scores[audit.CLEAN], 48, 1 / 24) < 1e-3
    assert p_of(scores[audit.SHUFFLED], 48, 1 / 24) > 1e-4


def test_a_watched_fit_ends_with_the_weights_that_were_chosen():
    recording = audit.simulated("linear", 12, 24, 0.3, 0)
    system = audit.System("nice", 2)
    states = []
    with system.watching(states):
        watched = system.fit(recording.train, recording.features, 0)
    plain = system.fit(recording.train, recording.features, 0)
    assert len(states) == len(watched.history_) == 2
    chosen = states[watched.best_epoch_]
    for name, value in watched.network_.state_dict().items():
        assert np.array_equal(value, chosen[name])
        assert np.array_equal(value, plain.network_.state_dict()[name])


def test_test_responses_take_mean_and_scale_of_the_training():
    rng = np.random.default_rng(0)
    info = mne.create_info(3, 100.0, "eeg")
    train, test = (
        mne.EpochsArray(
            1e-6 * (loc + scale * rng.standard_normal((n, 3, 10))), info, verbose=False
        )
        for loc, scale, n in ((1.0, 2.0, 40), (5.0, 3.0, 30))
    )
    data = inflation.scaled_by_test(test, train).get_data(copy=False)
    seen = train.get_data(copy=False)
    np.testing.assert_allclose(data.mean(axis=0), seen.mean(axis=0))
    spread = [(x - x.mean(axis=0)).std(axis=(0, 2)) for x in (data, seen)]
    np.testing.assert_allclose(*spread)


def test_matching_uses_every_candidate_once():
    similarity = np.array([[3.0, 2.9, 0.0], [4.0, 1.0, 0.0], [5.0, 0.0, 1.0]])
    assert similarity.argmax(axis=1).tolist() == [0, 0, 0]
    assert inflation.matched(similarity).tolist() == [1, 0, 2]
    rng = np.random.default_rng(1)
    noisy = rng.standard_normal((40, 40))
    hub = noisy + 3 * (np.arange(40) == 7)  # all responses like one candidate
    assert (hub.argmax(axis=1) == 7).mean() > 0.5
    plan = inflation.transported(hub)
    assert (plan == inflation.transported(noisy)).all()  # which transport forgets


def test_templates_contain_one_image_more():
    index = pd.Index(["a", "b"])
    templates, shown = pd.DataFrame([[0.0], [3.0]], index), pd.DataFrame([[4.0], [7.0]])
    mixed = inflation.templates_with_test(templates, shown, 3)
    assert mixed[0].tolist() == [1.0, 4.0]


def test_holm_and_signed_ranks():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    assert signed_rank_above_zero(np.arange(1, 9)) == pytest.approx(1 / 2**8)
    assert signed_rank_above_zero(-np.arange(1, 9)) == pytest.approx(1.0)
    assert signed_rank_above_zero(np.zeros(8)) == 1.0


def test_prices_are_differences_from_the_clean_score():
    index = pd.MultiIndex.from_product(
        [["one", "two"], range(6)], names=["system", "subject"]
    )
    clean = np.linspace(0.2, 0.3, 12)
    table = pd.DataFrame({audit.CLEAN: clean}, index)
    table[audit.LAST] = clean + 0.1
    table[audit.SCALED] = clean
    price = audit.prices(table).table
    np.testing.assert_allclose(price.loc[["one", "two", "mean"], audit.LAST], 0.1)
    assert price.loc["p", audit.LAST] == pytest.approx(1 / 2**6)
    assert price.loc["p, Holm", audit.LAST] == pytest.approx(2 / 2**6)
    assert price.loc["p, Holm", audit.SCALED] == 1.0


def test_a_stopped_audit_goes_on_and_ends_the_same(tmp_path, found, monkeypatch):
    path, systems = tmp_path / "scores.csv", ("ridge", "nice")
    audit.measure(systems, n_epochs=2, path=path, **SMALL | {"n_subjects": 1})
    fitted, whole = [], audit.audit

    def count(system, *args):
        fitted.append(system.name)
        return whole(system, *args)

    monkeypatch.setattr(audit, "audit", count)
    again = audit.measure(systems, n_epochs=2, path=path, **SMALL)
    assert fitted == ["ridge", "nice"]  # only of the second subject
    for first, second in zip(found, again, strict=True):
        columns = first.table.columns.difference([audit.SECONDS])
        pd.testing.assert_frame_equal(first.table[columns], second.table[columns])
    with pytest.raises(ValueError, match="other settings"):
        audit.measure(systems, n_epochs=3, path=path, **SMALL)


def test_clean_scores_alone_are_the_same(found):
    (clean,) = audit.measure(("ridge",), inflate=False, n_epochs=2, **SMALL)
    columns = [audit.CLEAN, audit.SHUFFLED, audit.CONCEPTS]
    pd.testing.assert_series_equal(
        clean.table.loc["ridge", columns], found[0].table.loc["ridge", columns]
    )
    by_subject = clean.table.loc["ridge", ["subject 0", "subject 1"]]
    assert by_subject.mean() == pytest.approx(clean.table.loc["ridge", audit.CLEAN])
    assert not set(audit.INFLATED) & set(clean.table)


def test_the_command_names_the_systems_of_the_study():
    assert tuple(audit.SYSTEMS) == command.SYSTEMS
    assert command.SYSTEMS[-len(audit.SLOW) :] == audit.SLOW


def test_the_command_prints_both_tables(capsys):
    words = ["--systems", "ridge", "--subjects", "1", "--concepts", "6", "--test", "12"]
    main(["benchmark", "audit", "--quick", *words])
    printed = capsys.readouterr().out
    assert "repetitions on both sides" in printed
    assert "p, Holm" in printed
