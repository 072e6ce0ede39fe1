"""Dissimilarities by hand, tests that hold their level, and 92 real images."""

import mne
import numpy as np
import pandas as pd
import pytest
from evidence import need
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

import mne_brainae
from mne_brainae.benchmark.studies import objects_92
from mne_brainae.commands import main
from mne_brainae.viz.rsa import plot_rdm

NAMES = [f"image-{i:02d}" for i in range(24)]
CATEGORY = {name: ["animal", "food", "tool"][i % 3] for i, name in enumerate(NAMES)}


def patterns(clustered=0.0, seed=0, n_values=10):
    rng = np.random.default_rng(seed)
    centers = clustered * rng.standard_normal((3, n_values))
    rows = centers[np.arange(24) % 3] + rng.standard_normal((24, n_values))
    return pd.DataFrame(rows, index=NAMES)


@pytest.mark.parametrize("metric", ["correlation", "cosine", "euclidean"])
def test_rdm_by_hand(metric):
    table = patterns()
    rdm = mne_brainae.compute_rdm(table, metric=metric)
    assert list(rdm.index) == list(rdm.columns) == NAMES
    assert_array_equal(np.diag(rdm), 0)
    a, b = table.iloc[3].to_numpy(), table.iloc[17].to_numpy()
    expected = {
        "correlation": 1 - np.corrcoef(a, b)[0, 1],
        "cosine": 1 - a @ b / np.sqrt(a @ a) / np.sqrt(b @ b),
        "euclidean": np.sqrt(np.sum((a - b) ** 2)),
    }[metric]
    assert_allclose(rdm.iloc[3, 17], expected)
    assert_allclose(rdm, rdm.T)


def test_rdm_of_epochs_averages_repetitions(unseen):
    epochs, table = unseen
    rdm = mne_brainae.compute_rdm(epochs)
    assert set(rdm.index) == set(table.index)
    means = mne_brainae.average_repetitions(epochs)
    flat = means.get_data(copy=False).reshape(len(means), -1)
    assert_allclose(rdm, 1 - np.corrcoef(flat), atol=1e-4)


def test_comparison():
    one, other = patterns(2), patterns(2, seed=1)
    rdms = [mne_brainae.compute_rdm(table) for table in (one, other)]
    for method in ("spearman", "pearson"):
        found = mne_brainae.compare_rdms(*rdms, method=method, random_state=0)
        pairs = [squareform(rdm, checks=False) for rdm in rdms]
        expected = spearmanr(*pairs).statistic
        if method == "pearson":
            expected = np.corrcoef(*pairs)[0, 1]
        assert_allclose(found.r, expected)
        assert found.p < 0.01
        assert found.protocol["images"] == 24
        assert found.protocol["correlation"] == method
    turned = rdms[1].iloc[::-1, ::-1]
    again = mne_brainae.compare_rdms(rdms[0], turned, random_state=0, method="pearson")
    assert (again.r, again.p) == (found.r, found.p)
    itself = mne_brainae.compare_rdms(rdms[0], rdms[0], n_permutations=99)
    assert_allclose([itself.r, itself.p], [1, 0.01])


def test_unrelated_representations():
    """Under the null hypothesis about one p-value in twenty is below 0.05."""
    p = []
    for seed in range(60):
        a, b = (mne_brainae.compute_rdm(patterns(0, 100 * seed + i)) for i in (1, 2))
        p.append(mne_brainae.compare_rdms(a, b, n_permutations=99, random_state=0).p)
    assert np.mean(np.array(p) <= 0.05) < 0.15
    assert 0.3 < np.mean(p) < 0.7


def test_contrast_by_hand():
    rdm = mne_brainae.compute_rdm(patterns(2))
    found = mne_brainae.contrast_categories(rdm, CATEGORY, random_state=0)
    animal = [name for name in NAMES if CATEGORY[name] == "animal"]
    rest = [name for name in NAMES if CATEGORY[name] != "animal"]
    inside = squareform(rdm.loc[animal, animal], checks=False).mean()
    assert_allclose(found.table.loc["animal", "within"], inside)
    assert_allclose(
        found.table.loc["animal", "between"], rdm.loc[animal, rest].to_numpy().mean()
    )
    same = np.array([[CATEGORY[a] == CATEGORY[b] for a in NAMES] for b in NAMES])
    pairs, same = squareform(rdm, checks=False), same[np.triu_indices(24, 1)]
    difference = pairs[~same].mean() - pairs[same].mean()
    assert_allclose(found.table.loc["all", "difference"], difference)
    assert (found.table["p"] < 0.05).all()
    assert found.table["n_images"].tolist() == [8, 8, 8, 24]
    assert found.categories.is_monotonic_increasing
    assert "animal" in repr(found)
    assert isinstance(found.plot(show=False), Figure)


def test_contrast_of_nothing():
    p = []
    for seed in range(60):
        rdm = mne_brainae.compute_rdm(patterns(0, seed))
        found = mne_brainae.contrast_categories(
            rdm, CATEGORY, n_permutations=99, random_state=0
        )
        p.append(found.table.loc["all", "p"])
    assert np.mean(np.array(p) <= 0.05) < 0.15


def test_images_without_a_category_are_left_out():
    rdm = mne_brainae.compute_rdm(patterns())
    some = {name: CATEGORY[name] for name in NAMES if CATEGORY[name] != "tool"}
    found = mne_brainae.contrast_categories(rdm, pd.Series(some), n_permutations=9)
    assert list(found.table.index) == ["animal", "food", "all"]
    assert found.rdm.shape == (16, 16)


def respond(model, seed=0):
    """Return responses whose pattern is the model's from 0.1 to 0.2 s."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((10, 12))
    data = rng.standard_normal((24, 12, 30))
    data[:, :, 20:] += 2 * (model.to_numpy() @ mix)[:, :, None]
    info = mne.create_info(12, 100.0, "eeg")
    metadata = pd.DataFrame({"image": NAMES})
    return mne.EpochsArray(data, info, tmin=-0.1, metadata=metadata)


@pytest.mark.parametrize("window", [0.0, 0.04])
def test_course(window):
    model = patterns()
    rdm = mne_brainae.compute_rdm(model)
    epochs = respond(model)
    course = mne_brainae.compare_rdms_over_time(
        epochs, rdm, window=window, n_permutations=200, random_state=0
    )
    late = course.table.index > 0.12
    assert (course.table["p"][late] < 0.05).all()
    early = course.table.index < 0.07
    assert course.table["r"][late].min() > course.table["r"][early].max()
    sample = 25
    half = round(window * 100 / 2)
    data = epochs.get_data(copy=False)[:, :, sample - half : sample + half + 1]
    pattern = pd.DataFrame(data.reshape(24, -1), index=NAMES)
    single = mne_brainae.compare_rdms(mne_brainae.compute_rdm(pattern), rdm)
    assert_allclose(course.table["r"].iloc[sample], single.r, atol=1e-6)
    assert course.protocol["images"] == 24
    assert isinstance(course.plot(show=False), Figure)


def test_course_of_noise_errs_in_one_of_twenty_recordings():
    rng = np.random.default_rng(0)
    rdm, lowest = mne_brainae.compute_rdm(patterns()), []
    for seed in range(40):
        epochs = respond(patterns() * 0, seed)
        course = mne_brainae.compare_rdms_over_time(
            epochs, rdm, window=0.04, n_permutations=99, random_state=rng.integers(99)
        )
        lowest.append(course.table["p"].min())
    assert np.mean(np.array(lowest) <= 0.05) <= 0.125


def test_bad_input():
    table = patterns()
    rdm = mne_brainae.compute_rdm(table)
    with pytest.raises(ValueError, match=r"several: 'image-00'"):
        mne_brainae.compute_rdm(pd.concat([table, table.iloc[:1]]))
    with pytest.raises(ValueError, match="three images"):
        mne_brainae.compute_rdm(table.iloc[:2])
    with pytest.raises(ValueError, match="metric='euclidean'"):
        mne_brainae.compute_rdm(table.iloc[:, :1])
    with pytest.raises(ValueError, match="finite"):
        mne_brainae.compute_rdm(table.where(table > 0))
    with pytest.raises(TypeError, match="patterns"):
        mne_brainae.compute_rdm(table.to_numpy())
    with pytest.raises(ValueError, match=r"only one has these: 'image-23'"):
        mne_brainae.compare_rdms(rdm, rdm.iloc[:-1, :-1])
    with pytest.raises(ValueError, match="symmetric"):
        mne_brainae.compare_rdms(rdm, table)
    with pytest.raises(ValueError, match="n_permutations"):
        mne_brainae.compare_rdms(rdm, rdm, n_permutations=0)
    with pytest.raises(ValueError, match="categories must be two"):
        mne_brainae.contrast_categories(rdm, {"image-00": "a", "image-01": "b"})
    with pytest.raises(ValueError, match="no image of the RDM"):
        mne_brainae.contrast_categories(rdm, {"x": "a"})


def test_plot_rdm_by_name():
    rdm = mne_brainae.compute_rdm(patterns())
    axes = plot_rdm(rdm, show=False).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == NAMES


# -- 92 real images ------------------------------------------------------------------


@pytest.fixture(scope="module")
def images_92():
    return objects_92.read(need("images_92"))


@pytest.mark.data("images_92")
def test_monkey_and_human_agree_as_published(images_92):
    """Kriegeskorte et al. (2008) report r = 0.49, p < 0.0001."""
    monkey, human, _ = images_92
    found = mne_brainae.compare_rdms(
        monkey, human, method="pearson", n_permutations=200, random_state=0
    )
    assert_allclose(found.r, 0.49, atol=0.005)
    assert found.p == 1 / 201


@pytest.mark.data("images_92")
def test_animate_objects_are_a_cluster(images_92):
    for rdm in images_92[:2]:
        found = mne_brainae.contrast_categories(
            rdm, images_92[2], n_permutations=200, random_state=0
        )
        assert found.table.loc["all", "difference"] > 0.02
        assert found.table.loc["all", "p"] < 0.01


@pytest.mark.data("images_92")
def test_command(images_92, capsys, tmp_path):
    main(["benchmark", "objects-92", "--permutations", "20"])
    printed = capsys.readouterr().out
    assert "RDMComparison | r = 0.49, p = 0.048" in printed
    assert printed.count("all") == 2
    with pytest.raises(SystemExit, match="rsatoolbox"):
        main(["benchmark", "objects-92", "--path", str(tmp_path)])
