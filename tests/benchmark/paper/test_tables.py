"""The paper's tables: published values, one run, nothing lost, honest words."""

import json
from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

import mne_brainae
from mne_brainae.benchmark.paper import (
    recordings,
    rendering,
    runner,
    summary,
)
from mne_brainae.benchmark.paper.data import BRIEF as QUICKEST
from mne_brainae.benchmark.paper.data import QUICK as SIMULATED
from mne_brainae.benchmark.paper.data import SMALL, needs_long_windows
from mne_brainae.benchmark.paper.scores import (
    COLUMNS,
    OTHERS,
    SINGLE,
    Scorer,
)
from mne_brainae.benchmark.paper.spec import (
    MEAN,
    NOT_BUILT,
    Row,
    SubjectTable,
    Table,
)
from mne_brainae.benchmark.paper.tables import TABLE_4, TABLES
from mne_brainae.commands import main

BRIEF = {
    "n_kernels": 16,
    "kernel_length": 10,
    "inner_activation": False,
    "n_embedding": 8,
    "max_epochs": 1,
    "min_updates": 1,
}


def _noisier(epochs, rng):
    """Add so much noise that not everything can be decoded."""
    noise = 1.5e-5 * rng.standard_normal(epochs.get_data(copy=False).shape)
    data = epochs.get_data() + noise
    return mne.EpochsArray(
        data, epochs.info, tmin=epochs.tmin, metadata=epochs.metadata
    )


def _recording(recording, unseen, folder, subjects=("a",)):
    """The linear brain of the other tests, as files."""
    rng = np.random.default_rng(3)
    train, features = recording
    test, new = unseen
    train, test = (_noisier(epochs, rng) for epochs in (train, test))
    train = mne_brainae.average_repetitions(train)
    files = {"train": {}, "test": {}}
    for subject in subjects:
        for part, epochs in (("train", train), ("test", test)):
            file = folder / f"{subject}-{part}-epo.fif"
            epochs.save(file, verbose="ERROR")
            files[part][subject] = file
    concepts = test.metadata.drop_duplicates("image").set_index("image")["concept"]
    near = new + 0.1 * rng.standard_normal(new.shape)
    index = pd.MultiIndex.from_arrays(
        [concepts[new.index], new.index.str.replace(".", "-other.")],
        names=["concept", "image"],
    )
    return recordings.Recording(
        "things_eeg2",
        True,
        files["train"],
        files["test"],
        pd.concat([features, new]),
        dict.fromkeys(subjects, near.set_axis(index)),
        "ready",
    )


@pytest.mark.parametrize("name", TABLES)
def test_published_values_fill_every_table(name):
    table = TABLES[name]
    assert table.reference in [row.name for row in table.rows]
    assert set(table.columns) <= set(COLUMNS)
    names = [(row.data, row.name) for row in table.rows]
    assert len(set(names)) == len({(row.data, row.key) for row in table.rows})
    for row in table.rows:
        for mean, sd in table.published(row).values():
            assert np.isnan(mean) or -1 < mean < 100
            assert not sd < 0
    row = table.rows[0]
    if isinstance(table, SubjectTable):
        table = replace(table, printed={row.name: ("1",)})
    with pytest.raises(ValueError, match=r"expected \d+ published values, got 1"):
        table.published(replace(row, published="1±2"))


@pytest.mark.parametrize("params", [{}, SIMULATED, QUICKEST], ids=str)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_a_model_that_can_be_fitted(name, params):
    """With the settings of a simulation, too, where a system has them."""
    for row in TABLES[name].rows:
        assert row.lack() != NOT_BUILT
        row.model(params).check()


#: Of the linear model of subject 3 in Table 10, the mean asks for an MSE of 1.356.
MISPRINTS = {("table10", "linear", "mse visual")}


@pytest.mark.parametrize("name", ["table12", "table13", "table14"])
def test_tables_of_subjects_take_the_simulation_of_their_source(name):
    """One of TVSD alone, too, has no encoder that asks for long windows."""
    assert needs_long_windows(TABLES[name])
    assert needs_long_windows(TABLES[TABLES[name].fits])
    assert not needs_long_windows(TABLES["table9"])


@pytest.mark.parametrize(
    "table", [t for t in TABLES.values() if isinstance(t, SubjectTable)]
)
def test_published_subjects_have_the_published_mean(table):
    """Every number was copied as printed, and the paper's own means are right."""
    off, n_checked = set(), 0
    for row in table.rows:
        values = table.published_by_subject(row)
        for column in table.columns:
            if (column, MEAN) not in values:
                continue
            of_subjects = [values[column, subject] for subject in table.subjects]
            last_digit = 0.1 if "top" in column else 0.001
            n_checked += 1
            if abs(np.mean(of_subjects) - values[column, MEAN]) > 0.6 * last_digit:
                off.add((table.name, row.name, column))
    assert n_checked == sum(2 * bool(x) for r in table.printed.values() for x in r)
    assert off == {key for key in MISPRINTS if key[0] == table.name}


@pytest.mark.timeout(900)
def test_ablation_has_the_shape_of_the_paper(tmp_path):
    """Table 4 where there is much signal: which term encodes, and which one aligns."""
    kept = ("w/ L_con", "w/ L_recon", "overall")
    table = replace(
        TABLE_4, rows=tuple(row for row in TABLE_4.rows if row.name in kept)
    )
    data = recordings.simulated(
        "things_eeg2", ["01"], tmp_path, recordings.SIMULATION | {"snr": 0.2}
    )
    found = runner.run_table(
        table,
        [data],
        folder=tmp_path / "fits",
        seeds=range(2),
        params=SIMULATED | {"max_epochs": 10},
        shuffled=False,
    )
    assert not found.failures
    wide = found.scores.pivot_table(
        index="seed", columns=["score", "row"], values="value"
    )
    encoding, decoding = wide["r over images all"], wide["retrieval top-1"]
    assert (encoding["w/ L_con"].abs() < 0.05).all()  # a decoder that learned nothing
    assert (encoding[["w/ L_recon", "overall"]] > 0.1).all(axis=None)
    ceiling = encoding["noise ceiling"]
    assert encoding[["w/ L_recon", "overall"]].lt(ceiling, axis=0).all(axis=None)
    # 40 images by 2 seeds.
    hits = (decoding[list(kept)].mean() / 100 * 80).round().astype(int)
    for aligned in ("w/ L_con", "overall"):
        counts = [[hits[row], 80 - hits[row]] for row in (aligned, "w/ L_recon")]
        assert fisher_exact(counts, alternative="greater").pvalue < 1e-3
    only = found.scores[found.scores["row"] == "chance"].set_index("score")["value"]
    assert (only["retrieval top-1"] == 100 / 40).all()


def test_resumed_is_the_same_and_failures_lose_nothing(recording, unseen, tmp_path):
    rows = (
        Row("good", "0.5±0.1 0.4 10"),
        Row("good, too", "- - -", settings={"temperature": 0.5}),
        Row("too long", "- - -", settings={"kernel_length": 500}),
        Row("unknown", "0.1±0.1 - 1.0±1.0", recipe="never"),
        Row("elsewhere", "- - -", data="tvsd"),
    )
    columns = ("mse all", "r all", "retrieval top-1")
    table = Table("table0", "a test", columns, rows, "good")
    data = _recording(recording, unseen, tmp_path, ("a", "b"))
    given = {"seeds": (0, 1), "params": BRIEF, "folder": tmp_path / "fits"}
    with pytest.warns(
        RuntimeWarning, match="4 of 12 fits failed.*'a_set-too__long_seed-0'"
    ):
        found = runner.run_table(table, [data], **given)
    assert len(found.failures) == 4
    assert all("kernel_length" in error for error in found.failures.values())
    assert found.absent["things_eeg2", "unknown"] == NOT_BUILT
    assert found.absent["tvsd", "elsewhere"] == "no data given"
    next((tmp_path / "fits").rglob("b_set-good_seed-1.json")).unlink()
    with pytest.warns(RuntimeWarning, match="4 of 12 fits failed"):
        again = runner.run_table(table, [data], **given)
    pd.testing.assert_frame_equal(again.scores, found.scores)
    with pytest.warns(RuntimeWarning, match="4 of 12 fits failed"):
        anew = runner.run_table(table, [data], **given | {"folder": tmp_path / "anew"})
    pd.testing.assert_frame_equal(anew.scores, found.scores)

    files = {f.name: f for f in rendering.write(found, tmp_path / "out")}
    text = rendering.cells(summary.summarize(found), found)
    heading = COLUMNS["r all"][0]
    cells = text.loc["things_eeg2", heading]
    assert cells["unknown"] == NOT_BUILT
    assert cells["too long"] == "failed"
    assert cells["good"].endswith("[0.400]")  # simulated: no difference
    assert cells["mean response"]
    for name in ("table.md", "table.html", "table.tex"):
        written = files[name].read_text("utf-8")
        assert "SIMULATED" in written
        assert NOT_BUILT in written
    protocol = json.loads(files["protocol.json"].read_text())
    assert "2 subjects; the signed-rank test needs at least 6" in str(protocol)
    assert protocol["versions"]["torch"]
    assert len(pd.read_csv(files["scores.csv"])) == len(found.scores)


def _results(n_subjects, simulated=False):
    """Scores as they would come from recordings."""
    rows = (Row("one", "0.5±0.1"), Row("two", "0.7±0.1"))
    table = Table("table0", "a test", ("r all",), rows, "two")
    values = [
        ("things_eeg2", row, str(s), seed, "r all", base + 0.01 * s + 0.001 * seed)
        for row, base in (("one", 0.4), ("two", 0.6))
        for s in range(n_subjects)
        for seed in range(3)
    ]
    scores = pd.DataFrame(values, columns=runner.LONG)
    about = {
        "simulated": simulated,
        "subjects": list(range(n_subjects)),
        "image encoder": ["ready"],
    }
    protocol = {"data": {"things_eeg2": about}, "seeds": [0, 1, 2]}
    protocol[runner.SETTINGS] = {}
    return runner.Results(table, scores, {}, {}, protocol)


def test_statistics_are_over_subjects():
    found = _results(6)
    one = summary.summarize(found).iloc[0]
    assert one["mean"] == pytest.approx(0.4 + 0.025 + 0.001)
    assert one["sd"] == pytest.approx(np.std(0.01 * np.arange(6), ddof=1))
    assert one["difference"] == pytest.approx(one["mean"] - 0.5)
    tests, refused = summary.compare(found)
    assert not refused
    assert tests["p"].item() == pytest.approx(2 / 2**6)
    assert rendering.cells(summary.summarize(found), found).iloc[0, 0] == (
        "0.426 ± 0.019 [0.500 ± 0.100; -0.074]"
    )
    tests, refused = summary.compare(_results(5))
    assert tests.empty
    assert refused == ["things_eeg2: 5 subjects; the signed-rank test needs at least 6"]


def test_one_of_a_kind_is_singular():
    found = _results(1)
    found.protocol["seeds"] = [0]
    assert "things_eeg2: 1 subject, 1 seed, image encoder" in str(
        rendering.legend(found)
    )
    assert "2 subjects, 3 seeds" in str(rendering.legend(_results(2)))


@pytest.mark.parametrize("row", ["one", "two"])
def test_a_subject_whose_fits_failed_is_no_reason_to_lose_the_table(row):
    """Not even where the system that failed is the one that all are tested against."""
    found = _results(7)
    is_lost = (found.scores["row"] == row) & (found.scores["subject"] == "3")
    found.scores = found.scores[~is_lost]
    tests, refused = summary.compare(found)
    assert tests.empty
    assert refused == ["things_eeg2: fits failed, subjects are not complete"]


def test_command_runs_and_resumes(tmp_path, capsys):
    words = ["benchmark", "table4", "--data", "simulated", "--small"]
    words += ["--subjects", "1", "--seeds", "1", "--out", str(tmp_path)]
    main([*words, "--dry-run"])
    assert "8 fits, results there: 0" in capsys.readouterr().out
    main(words)
    first = (tmp_path / "table4" / "summary.csv").read_text()
    main([*words, "--dry-run"])
    assert "8 fits, results there: 8; one takes" in capsys.readouterr().out
    main(words)
    assert (tmp_path / "table4" / "summary.csv").read_text() == first
    assert "SIMULATED, not recorded" in capsys.readouterr().out


def test_visual_channels_that_are_not_there_are_not_all_channels():
    info = mne.create_info(["Fp1", "Fz"], 100.0, "eeg")
    metadata = pd.DataFrame({"image": ["a", "b"]})
    epochs = mne.EpochsArray(np.zeros((2, 2, 10)), info, metadata=metadata)
    with pytest.raises(KeyError, match="IT"):
        Scorer(None, ("r visual",))._encoding(None, epochs, "visual")


def test_a_dry_run_counts_the_controls_that_are_fitted(tmp_path, capsys):
    words = ["--data", "simulated", "--seeds", "1", "--dry-run", "--out", str(tmp_path)]
    main(["benchmark", "table16", *words, "--subjects", "1"])
    assert "shuffled" not in capsys.readouterr().out  # times have no such control
    main(["benchmark", "table4", *words, "--subjects", "1-3", "--cross-subject"])
    printed = capsys.readouterr().out
    assert "reference, fitted to other subjects 3 subjects x 1 seed\n" in printed
    assert "27 fits" in printed  # 7 rows and 2 controls of 3 subjects


def _small(subjects, folder, recipe="paper"):
    data = recordings.simulated("things_eeg2", subjects, folder / "data", SMALL)
    row = Row("system", "0.5 10", recipe=recipe)
    table = Table("table0", "a test", ("r all", "retrieval top-1"), (row,), "system")
    return table, data


def test_single_trials_and_other_subjects(tmp_path):
    """A subject has the same fits in any company; the closed form needs no seed."""
    given = {"folder": tmp_path / "fits", "seeds": [0]}
    table, data = _small(["a", "b"], tmp_path, "best")
    two = runner.run_table(table, [data], cross_subject=True, **given).scores
    assert OTHERS not in set(two["row"])
    single = two[two["row"] == SINGLE].groupby("score")["value"].mean()
    whole = two[two["row"] == "system"].groupby("score")["value"].mean()
    assert 0 < single["r all"] < whole["r all"]
    assert 0 <= single["retrieval top-1"] <= 100
    table, data = _small(["a", "b", "c"], tmp_path, "best")
    three = runner.run_table(table, [data], cross_subject=True, **given).scores
    former = three[three["subject"].isin(["a", "b"]) & (three["row"] != OTHERS)]
    order = runner.LONG[:-1]
    pd.testing.assert_frame_equal(
        *(part.sort_values(order, ignore_index=True) for part in (two, former))
    )
    assert set(three[three["row"] == OTHERS]["subject"]) == {"a", "b", "c"}
    joined = mne.read_epochs(recordings.fitted_to_others(data)["b"])
    assert {name[0] for name in joined.metadata["image"]} == {"a", "c"}
    own = mne.read_epochs(data.train["c"])
    own.drop_channels(own.ch_names[:1]).save(data.train["c"], overwrite=True)
    with pytest.raises(ValueError, match="subjects c have other channels"):
        recordings.fitted_to_others(data)


def test_predictions_of_small_fits_are_in_units_of_the_noise(tmp_path):
    """Six subjects: no fit, however short, is far from the mean response."""
    table, data = _small([str(n) for n in range(1, 7)], tmp_path)
    table = replace(table, columns=("mse all", "retrieval top-1"))
    given = {"folder": tmp_path / "fits", "seeds": [0], "params": QUICKEST}
    scores = runner.run_table(table, [data], shuffled=False, **given).scores
    mse = scores[scores["score"] == "mse all"].pivot(
        index="subject", columns="row", values="value"
    )
    assert len(mse) == 6
    assert (mse["system"] < 2 * mse["mean response"]).all()


def test_cluster_gives_the_same_table(tmp_path):
    """By the address of its scheduler, as from a shell."""
    distributed = pytest.importorskip("distributed")
    import dask

    words = ["table15", "--data", "simulated", "--small", "--subjects", "1"]
    words += ["--seeds", "1", "--no-control", "--out"]
    main(["benchmark", *words, str(tmp_path / "a")])
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    )
    address = {"scheduler-address": cluster.scheduler_address}
    with cluster, dask.config.set(address):
        main(["benchmark", *words, str(tmp_path / "b"), "--backend", "dask"])
    one, other = (
        (tmp_path / name / "table15" / "scores.csv").read_text() for name in "ab"
    )
    assert one == other


def test_rows_meet_the_image_encoder_that_they_name(recording, unseen, tmp_path):
    """A row that names none is fitted once, with the encoder of the run."""
    data = _recording(recording, unseen, tmp_path)
    table = TABLES["table5"]
    seen = [row.name for row in runner.rows_of(table, data)]
    assert seen[-1] == "TSConv+EVA-CLIP"
    assert "ViT-B/16" not in seen
    other = replace(data, encoder="vit-b-16", is_default=False)
    assert [row.name for row in runner.rows_of(table, other)] == ["ViT-B/16"]


def test_tables_1_and_16_run_on_all_data_sets(tmp_path):
    words = ["--data", "simulated", "--small", "--subjects", "1", "--seeds", "1"]
    for name in ("table1", "table16"):
        main(["benchmark", name, *words, "--out", str(tmp_path)])
        written = pd.read_csv(tmp_path / name / "summary.csv")
        own = written[written["published"].notna()]
        assert own["mean"].notna().all()
        assert own["data"].nunique() == 3
        assert own["difference"].isna().all()
    assert (own["mean"] > 0).all()


def test_all_fits_may_fail(recording, unseen, tmp_path):
    """The table still says so."""
    rows = (Row("too long", "0.5", settings={"kernel_length": 500}),)
    table = Table("table0", "a test", ("r all",), rows, "too long")
    data = _recording(recording, unseen, tmp_path)
    with pytest.warns(RuntimeWarning, match="1 of 1 fit failed"):
        found = runner.run_table(
            table,
            [data],
            folder=tmp_path / "fits",
            seeds=[0],
            params=BRIEF,
            shuffled=False,
        )
    text = rendering.cells(summary.summarize(found), found)
    assert text.to_numpy().tolist() == [["failed [0.500]"]]
