"""Groups of responses of one sample, such as spike counts."""

import mne
import numpy as np
import pandas as pd
import pytest

import mne_brainae
from mne_brainae.models.linear_gaussian import stack as stack_module
from mne_brainae.models.linear_gaussian.windows import FeatureMaps
from mne_brainae.preprocessing.epochs import make_epochs

SIDE, N_CHANNELS, N_UNITS, N_IMAGES = 4, 3, 6, 70
COLUMNS = pd.MultiIndex.from_tuples(
    [
        ("layer", channel, row, column)
        for channel in range(N_CHANNELS)
        for row in range(SIDE)
        for column in range(SIDE)
    ],
    names=["layer", "channel", "row", "column"],
)


def record(name, drives, seed, noise=0.8):
    """Return spike counts of units that weigh the same drives, and features."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((N_IMAGES, len(COLUMNS))).astype("f4")
    images = [f"{name}/{number:03d}.jpg" for number in range(N_IMAGES)]
    counts = rows @ drives @ rng.standard_normal((drives.shape[1], N_UNITS))
    counts = counts / counts.std(axis=0) + noise * rng.standard_normal(counts.shape)
    info = mne.create_info([f"{name} unit {k}" for k in range(N_UNITS)], 1.0, "seeg")
    metadata = pd.DataFrame({"image": images, "subject": name})
    epochs = make_epochs(5 + counts[:, :, None], info, np.zeros(1), metadata)
    return epochs, pd.DataFrame(rows, index=images, columns=COLUMNS)


@pytest.fixture(scope="module")
def data():
    drives = np.random.default_rng(9).standard_normal((len(COLUMNS), 2))
    found = {name: record(name, drives, seed) for seed, name in enumerate("abc")}
    features = pd.concat([table for _, table in found.values()])
    return {name: epochs for name, (epochs, _) in found.items()}, features


@pytest.fixture(scope="module")
def group(data):
    epochs, features = data
    return mne_brainae.fit({name: epochs[name] for name in "ab"}, features)


def skill(model, epochs, features):
    predicted = model.predict_epochs(features.loc[epochs.metadata["image"]])
    y, x = (each.get_data(picks="all")[:, :, 0] for each in (epochs, predicted))
    y, x = y - y.mean(axis=0), x - x.mean(axis=0)
    return 1 - np.square(y - x).sum() / np.square(y).sum()


def test_a_newcomer_of_few_images_gains_by_others(data, group):
    epochs, features = data
    few, test = epochs["c"][:20], epochs["c"][30:]
    with mne.utils.use_log_level("ERROR"):
        own = mne_brainae.fit(few, features, recipe="linear")
        adapted = group.adapt(few, features)
    assert skill(adapted.for_subject("c"), test, features) > 0.2 + skill(
        own, test, features
    )
    assert adapted.weights_.loc["c", "mixed"] > 0.2
    found = adapted.retrieve(test, features.loc[test.metadata["image"]])
    assert np.median(found.ranks) < 15  # 20 expected by chance
    evoked = adapted.predict_evoked(
        features.iloc[:1],
        subject="c",
    )
    assert evoked.ch_names == epochs["c"].ch_names


def test_units_have_no_place_in_common(data, group):
    """One name is another unit in another animal."""
    epochs, features = data
    assert group.anyone_ is None
    renamed = epochs["c"].copy()
    renamed.rename_channels(
        dict(zip(renamed.ch_names, epochs["a"].ch_names, strict=True))
    )
    with pytest.raises(ValueError, match="There is no mean map of other subjects"):
        group.retrieve(renamed, features.iloc[:5])


def test_a_file_holds_it(data, group, tmp_path):
    epochs, features = data
    group.save(tmp_path / "group.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "group.safetensors")
    first, second = (
        model.predict_epochs(features, subject="a", output="array")
        for model in (group, again)
    )
    np.testing.assert_array_equal(first, second)
    few = epochs["c"][:20]
    with mne.utils.use_log_level("ERROR"):
        weights = [model.adapt(few, features).weights_ for model in (group, again)]
    pd.testing.assert_frame_equal(*weights)


@pytest.mark.parametrize("per_unit_from", [20, 400])
def test_weights_are_of_features_and_of_what_others_predict(per_unit_from, monkeypatch):
    """The stack predicts its training responses by the two weight matrices."""
    monkeypatch.setattr(stack_module, "PER_UNIT_FROM", per_unit_from)
    rng, n_images = np.random.default_rng(0), 40
    places = (COLUMNS.get_level_values(level).to_numpy() for level in ("row", "column"))
    maps = FeatureMaps(np.zeros(len(COLUMNS), int), *places)
    X = rng.standard_normal((n_images, len(COLUMNS))).astype("f4")
    z = X @ rng.standard_normal((len(COLUMNS), 2)).astype("f4")
    Y = z @ rng.standard_normal((2, 3)) + 0.5 * rng.standard_normal((n_images, 3))
    found = stack_module.solve_stack(X, Y, maps, shared=z)
    assert found.shared > 0
    predicted = (X - found.feature_mean) @ found.weights
    predicted = predicted + (z - z.mean(axis=0)) @ found.shared_weights
    inside = Y - Y.mean(axis=0) - predicted
    left_out = Y - Y.mean(axis=0) - found.left_out
    assert np.square(inside).sum() < np.square(left_out).sum()
    r = np.corrcoef(predicted.ravel(), found.left_out.ravel())[0, 1]
    assert r > 0.95
    alone = stack_module.solve_stack(X, Y, maps)
    assert (
        np.square(left_out).sum() < np.square(Y - Y.mean(axis=0) - alone.left_out).sum()
    )
    assert 0.5 < found.slope <= 1


def test_images_are_ranked_where_nothing_holds(data, monkeypatch):
    """The prediction is then the mean response, but embeddings are not all zero."""
    monkeypatch.setattr(stack_module, "_slope", lambda *args: 0.0)
    epochs, features = data
    few, test = epochs["c"][:20], epochs["c"][30:]
    with mne.utils.use_log_level("ERROR"):
        model = mne_brainae.fit(few, features, recipe="linear")
    shown = features.loc[test.metadata["image"]]
    found = model.retrieve(test, shown, similarity="cosine")
    assert len(set(found.ranks)) > 5
    predicted = model.predict_epochs(shown).get_data()
    np.testing.assert_allclose(
        predicted,
        np.broadcast_to(few.get_data().mean(axis=0), predicted.shape),
        rtol=1e-4,
    )
    assert model.slope_ == 0
