"""Every result writes itself in one way, carries its protocol and plots itself."""

import copy
import pickle
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import mne
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import mne_brainae
from mne_brainae import Identification, Result
from mne_brainae.generation import GeneratedPictures, PictureScores
from mne_brainae.scoring.identification import cosine_similarity
from mne_brainae.scoring.result import common_protocol

#: A name that HTML would take for a tag.
TAG = "<b>"
NAMES = [f"{TAG}{i:02d}.png" for i in range(12)]
CATEGORY = {name: ["animal", TAG][i % 2] for i, name in enumerate(NAMES)}
CHANNELS = [TAG, "O1", "Oz", "O2"]


def as_epochs(data, names):
    info = mne.create_info(CHANNELS, 100.0, "eeg")
    metadata = pd.DataFrame({"image": names})
    return mne.EpochsArray(1e-6 * data, info, tmin=-0.05, metadata=metadata)


@cache
def responses():
    """Return single trials of 12 images, the truth behind them, and its mean."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((12, 4, 30))
    trials = np.repeat(truth, 4, axis=0) + rng.standard_normal((48, 4, 30))
    predicted = as_epochs(truth, NAMES)
    return as_epochs(trials, np.repeat(NAMES, 4)), predicted, predicted.average()


def identify(epochs):
    """Compare responses with the truth."""
    truth = responses()[1].get_data(copy=False).reshape(12, -1)
    measured = epochs.get_data(copy=False).reshape(len(epochs), -1)
    protocol = {"task": "retrieval", "gallery": "12 images", "seed": 3}
    shown = epochs.metadata["image"]
    return Identification(cosine_similarity(measured, truth), NAMES, shown, protocol)


def calibration():
    found = replace(identify(responses()[0]), is_log_likelihood=True)
    return found.calibration()


def plan():
    row = {"n_averaged": 1, "n_candidates": 10, "top_1": 0.5, "top_5": 0.9}
    row |= {"chance": 0.1, "low": 0.2, "high": 0.8}
    return mne_brainae.Plan(pd.DataFrame([row, row | {"n_averaged": 5}]), {"seed": 3})


def occlusion():
    trials, _, mean = responses()
    return mne_brainae.occlude_channels(identify, trials, mean)


def coverage():
    info = mne.create_info(CHANNELS, 100.0, "eeg")
    found = mne.EvokedArray(np.full((len(CHANNELS), 30), 0.7), info, verbose=False)
    table = pd.DataFrame({"coverage": [0.7], "width": [2.0]}, index=[0.8])
    return mne_brainae.Coverage(table, {0.8: found}, {"images": 12})


def time_scores():
    scores = np.linspace(0.5, 0.8, 30)
    return mne_brainae.TimeScores(scores, np.arange(30) / 100, 0.5, {"seed": 0})


def time_clusters():
    found = time_scores()
    mask = found.scores > 0.6
    row = {"first": 0.1, "last": 0.29, "statistic": 9.0, "p": 0.01}
    return mne_brainae.TimeClusters(pd.DataFrame([row]), found, mask, {"seed": 0})


def variance_shares():
    info = mne.create_info(CHANNELS, 100.0, "eeg")
    names = [TAG, "late", "all groups"]
    maps = {
        name: mne.EvokedArray(np.full((4, 30), 0.1), info, verbose=False)
        for name in names
    }
    table = pd.DataFrame({"share": [0.1] * 3, "unique": [0.1] * 3}, index=names)
    return mne_brainae.VarianceShares(table, maps, maps, {"images": 12})


def found_images():
    table = pd.DataFrame({"image": [TAG, "b"], "score": [2.0, 1.0]})
    return mne_brainae.FoundImages(table, None, {"images": 12})


def encoding():
    return mne_brainae.score_encoding(
        *responses(), n_splits=2, n_bootstraps=9, random_state=0
    )


def rdms():
    trials, predicted, _ = responses()
    return mne_brainae.compute_rdm(trials), mne_brainae.compute_rdm(predicted)


def reconstruction():
    rows = [
        {
            "kind": kind,
            "ratio": ratio,
            "system": system,
            "skill": skill - ratio,
            "top_1": np.nan if system == "mean response" else skill,
            "chance": 0.1,
        }
        for kind in ("random", TAG)
        for ratio in (0.25, 0.5)
        for system, skill in {"model": 0.8, "mean response": 0.0}.items()
    ]
    protocol = {"epochs": 12, "seed": 0}
    return mne_brainae.ReconstructionScores(pd.DataFrame(rows), protocol)


def subjects():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.6, 8)
    scores = {"linear": base, TAG: base + 0.1 + 0.01 * rng.standard_normal(8)}
    return mne_brainae.compare_subjects(pd.DataFrame(scores), "linear")


def adaptation():
    rows = [
        {"subject": subject, "n_images": n, "system": system, "top_1": 0.1, "r": n / 99}
        for subject in ("1", TAG)
        for system in ("group", "own")
        for n in (0, 20, 40)
    ]
    chance = dict.fromkeys(("1", TAG), 0.05)
    return mne_brainae.AdaptationScores(pd.DataFrame(rows), chance, {"seed": 0})


def picture_scores():
    table = {
        "generated": [0.3, 0.4],
        "shuffled": [0.1, 0.8],
        "stimuli": [1.0, 0.0],
        "better": ["higher", "lower"],
    }
    index = pd.Index(["PixCorr", TAG], name="score")
    return PictureScores(pd.DataFrame(table, index), {"stimuli": 12})


def pictures():
    painted = [[Image.new("RGB", (8, 8), "red")] * 2 for _ in NAMES]
    embeddings = np.arange(12.0 * 2 * 3).reshape(12, 2, 3)
    return GeneratedPictures(painted, NAMES, embeddings, protocol={"seed": 0})


def cross_validation():
    trials, predicted, _ = responses()
    columns = ["value", "baseline", "noise ceiling", "sd"]
    index = pd.Index(["r_images", TAG, "mse"], name="score")
    table = pd.DataFrame(np.arange(12.0).reshape(3, 4), index, columns)
    fold = table.reset_index().assign(n_images=6)
    folds = pd.concat([fold.assign(fold=0), fold.assign(fold=1)], ignore_index=True)
    return mne_brainae.CrossValidation(
        table, folds, predicted, [identify(trials)], {"seed of the folds": 0}
    )


#: How every result is made, and what its plot says of chance or the baseline.
RESULTS = {
    mne_brainae.Identification: (lambda: identify(responses()[0]), "chance"),
    mne_brainae.EncodingScores: (encoding, "mean response"),
    mne_brainae.ResponseSimilarity: (
        lambda: mne_brainae.score_similarity(*responses(), regions={TAG: CHANNELS}),
        "mean response",
    ),
    mne_brainae.ReconstructionScores: (reconstruction, "mean response"),
    mne_brainae.Calibration: (calibration, "probabilities hold"),
    mne_brainae.Coverage: (coverage, "expected"),
    mne_brainae.FoundImages: (found_images, None),
    mne_brainae.TimeScores: (time_scores, "chance"),
    mne_brainae.TimeClusters: (time_clusters, "chance"),
    mne_brainae.VarianceShares: (variance_shares, "mean response"),
    mne_brainae.Plan: (plan, "10 candidates (chance 10 %)"),
    mne_brainae.Occlusion: (occlusion, "chance"),
    mne_brainae.Consistency: (
        lambda: mne_brainae.score_consistency(encoding().r_map, occlusion()),
        None,
    ),
    mne_brainae.RDMComparison: (
        lambda: mne_brainae.compare_rdms(*rdms(), n_permutations=99, random_state=0),
        "chance: permuted images",
    ),
    mne_brainae.CategoryContrast: (
        lambda: mne_brainae.contrast_categories(rdms()[0], CATEGORY, random_state=0),
        None,
    ),
    mne_brainae.RSACourse: (
        lambda: mne_brainae.compare_rdms_over_time(
            responses()[0], rdms()[1], n_permutations=99, random_state=0
        ),
        "chance",
    ),
    mne_brainae.AverageScores: (
        lambda: mne_brainae.score_averages(identify, responses()[0], random_state=0),
        "chance of top-1",
    ),
    mne_brainae.AdaptationScores: (adaptation, "chance"),
    mne_brainae.CrossValidation: (cross_validation, "chance or baseline"),
    mne_brainae.SubjectComparison: (subjects, "mean of linear"),
    PictureScores: (picture_scores, "shuffled"),
    GeneratedPictures: (pictures, None),
}


@pytest.fixture(params=RESULTS, ids=lambda kind: kind.__name__)
def result(request):
    made = RESULTS[request.param][0]()
    assert type(made) is request.param
    return made


class Tags(HTMLParser):
    """Collect the text of a page, and complain of tags that are not closed."""

    def __init__(self):
        super().__init__()
        self.opened, self.seen, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_every_class_is_tested():
    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    assert below(Result) - {Result} == set(RESULTS)


def test_text_has_title_scores_and_protocol(result):
    lines = repr(result).splitlines()
    assert lines[0] == f"<{type(result).__name__} | {result._title}"
    assert result.protocol
    told = [f"  {key}: {value}" for key, value in result.protocol.items()]
    told[-1] += ">"
    assert lines[-len(told) :] == told
    assert len(lines) > len(told) + 2


def test_html_is_whole_and_escaped(result):
    told = replace(result, protocol=result.protocol | {TAG: f"{TAG} & co"})
    html = told._repr_html_()
    page = Tags()
    page.feed(html)
    page.close()
    assert page.opened == []
    assert {"table", "details", "summary"} <= page.seen
    assert page.seen.isdisjoint({"script", "link"})  # nothing to fetch or run
    assert html.count("<img src=") == html.count('<img src="data:image/jpeg;base64,')
    assert html.count("<b>") == 1  # the name of the class
    assert "<th>&lt;b&gt;</th><td>&lt;b&gt; &amp; co</td>" in html
    text = "".join(page.text)
    assert type(result).__name__ in text
    for key, value in result.protocol.items():
        assert f"{key}{value}" in text


def test_long_tables_are_shortened():
    table = pd.DataFrame({"r": np.arange(99.0), "p": 1.0, "other": np.nan})
    course = mne_brainae.RSACourse(table.set_axis(table["r"]))
    assert len(repr(course).splitlines()) < 30
    assert "nan" not in repr(course).lower()
    assert course._repr_html_().count("<tr>") < 30


def test_data_frame_is_a_copy(result):
    table = result.to_data_frame()
    before = table.copy()
    for column in table:
        table[column] = table[column].to_numpy()[::-1]
    table.iloc[0] = table.iloc[-1]
    pd.testing.assert_frame_equal(result.to_data_frame(), before)


def test_protocol_is_its_own(result):
    given = dict(result.protocol)
    one, other = (replace(result, protocol=given) for _ in range(2))
    one.protocol["seed"] = "changed"
    assert other.protocol == given == result.protocol
    assert list(other.protocol) == list(result.protocol)


def test_protocol_of_what_it_was_made_of_stays():
    found = occlusion()
    found.protocol["gallery"] = "changed"
    assert found.whole.protocol["gallery"] == "12 images"


@pytest.mark.parametrize(
    "again", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_say_the_same(result, again):
    twin = again(result)
    assert type(twin) is type(result)
    assert repr(twin) == repr(result)
    assert twin._repr_html_() == result._repr_html_()
    pd.testing.assert_frame_equal(twin.to_data_frame(), result.to_data_frame())


def test_plot_shows_chance_or_baseline(result):
    figure = result.plot(show=False)
    assert isinstance(figure, Figure)
    expected = RESULTS[type(result)][1]
    labels = [
        label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]
    ]
    assert expected is None or expected in labels
    figure.savefig("/dev/null", format="png")


def test_plot_into_axes(result):
    n_panels = 2 if isinstance(result, mne_brainae.ReconstructionScores) else 1
    figure, axes = plt.subplots(1, n_panels)
    assert result.plot(axes=axes, show=False) is figure


def test_base_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Result()


def test_decoding_of_reconstructions_beside_chance():
    scores = reconstruction()
    axes = scores.plot("top_1", show=False).axes[0]
    assert axes.get_ylabel() == "top-1 accuracy"
    drawn = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    assert drawn["chance"].get_ydata()[0] == 0.1
    with pytest.raises(ValueError, match="score"):
        scores.plot("chance")
    with pytest.raises(ValueError, match="2 kinds of masks need as many axes, got 1"):
        scores.plot(axes=plt.subplots()[1], show=False)


def test_protocols_tell_how_it_was_done():
    comparison = RESULTS[mne_brainae.RDMComparison][0]()
    assert comparison.protocol == {
        "images": 12,
        "correlation": "spearman",
        "permutations": 99,
        "seed": 0,
    }
    assert comparison.null.shape == (99,)
    hidden = occlusion().protocol
    assert hidden["gallery"] == "12 images"
    assert hidden["occlusion"] == "channel"
    trials, _, mean = responses()
    windows = mne_brainae.occlude_times(identify, trials, mean, window=0.05)
    assert windows.protocol["window hidden or shown"] == "0.05 s"


def test_common_protocol():
    protocols = [{"a": 1, "b": 2, "c": None}, {"c": None, "b": 3, "a": 1}, {"a": 1}]
    assert common_protocol(protocols[:2]) == {"a": 1, "c": None}
    assert common_protocol(protocols) == {"a": 1}
