"""The report is one whole page, and says what was measured."""

import base64
import html
import io
import json
import re
import shutil
import subprocess

import mne
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from recordings import draw, renamed

import mne_brainae
from mne_brainae.commands import main
from mne_brainae.report import predict_by_ridge, write_report

SECTIONS = [
    "Summary",
    "Data",
    "Model",
    "Encoding",
    "Images",
    "Time, space and frequency",
    "Decoding",
    "Protocol and versions",
]
#: Sections of a closed form that are words and tables alone.
WORDS = {"Summary", "Model", "Protocol and versions"}
QUICK = {"n_splits": 3, "n_bootstraps": 20, "random_state": 0}


def figures(text):
    """Return the figures of every section of a page, in order."""
    found = {}
    starts = [
        (text.index(f'id="{re.sub("[^A-Za-z]", "_", name)}"'), name)
        for name in SECTIONS
    ]
    ends = [start for start, _ in starts[1:]] + [len(text)]
    for (start, name), end in zip(starts, ends, strict=True):
        part = text[start:end]
        found[name] = re.findall(r'src="data:image/png;base64,([^"]+)"', part)
    return found


@pytest.fixture(scope="module")
def best(recording):
    return mne_brainae.fit(*recording, recipe="linear", verbose="WARNING")


def templates_of(features):
    """Return the same features under the names of other images of the concepts."""
    names = [name.replace(".png", "-other.png") for name in features.index]
    concepts = [f"new {name[4:6]}" for name in features.index]
    index = pd.MultiIndex.from_arrays([concepts, names], names=["concept", "image"])
    return features.set_axis(index)


@pytest.fixture(scope="module")
def page(best, unseen, tmp_path_factory):
    epochs, features = unseen
    fname = tmp_path_factory.mktemp("report") / "report.html"
    files = tmp_path_factory.mktemp("images")
    draw(files, features.index)
    paths = epochs.metadata["image"].map(lambda name: files / name)
    report = mne_brainae.make_report(
        best,
        renamed(epochs, image_path=paths),
        features,
        templates=templates_of(features),
        **QUICK,
    )
    assert isinstance(report, mne.Report)
    write_report(report, fname)
    return fname


def test_every_section_has_its_figure(page):
    for section, encoded in figures(page.read_text("utf-8")).items():
        assert bool(encoded) == (section not in WORDS), section
        for code in encoded:
            figure = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))
            assert figure.shape[1] > 200
            assert figure.std() > 1, "a blank figure"


def test_page_needs_nothing_else(page):
    text = page.read_text("utf-8")
    fetched = re.findall(
        r'<(?:script|img|link)[^>]+(?:src|href)="(?!data:)([^"]+)', text
    )
    assert [address for address in fetched if not address.startswith("#")] == []
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def test_page_says_what_was_measured(page, best, unseen):
    text = html.unescape(page.read_text("utf-8"))
    epochs, features = unseen
    scores = mne_brainae.score_encoding(
        epochs, best.predict_epochs(features), best.evoked_, **QUICK
    )
    text_of = scores._summary()
    for row in ("prediction", "mean response", "noise ceiling"):
        assert text_of.loc[row, "r_images"] in text
    assert "visual channels" in text
    assert "left out" in text
    averaged = mne_brainae.average_repetitions(epochs)
    found = best.retrieve(averaged, features)
    assert str(round(found.top_k(1), 4)) in text
    assert f"first guess among {len(features)} for {100 * found.top_k():.1f} %" in text
    assert "Of the test images, none were seen in fit." in text
    r = scores.table["r_images"]
    assert f"correlate by {r['prediction']:.2f} (95 % interval" in text
    assert f"The mean response scores 0.00 and a perfect model {r.iloc[2]:.2f}" in text
    assert "What was seen, and the guesses" in text
    ranked = scores.per_image["r_pattern (prediction)"]
    for word, image in (("Best", ranked.idxmax()), ("Worst", ranked.idxmin())):
        assert f"{word} predicted image: {image}" in text
    slope = f"{best.slope_:.2f}: the part of"
    for words in (best.selection_, slope, "transductive", "seed", mne.__version__):
        assert words in text


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
WIDTHS = """<script>
window.addEventListener("load", () => {
  document.title = JSON.stringify([...document.images].map(i => i.naturalWidth));
});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_page_opens_in_a_browser(page, tmp_path):
    """All figures are decoded, and the console has no error."""
    text = page.read_text("utf-8")
    watched = tmp_path / "watched.html"
    watched.write_text(WIDTHS.join(text.rsplit("</body>", 1)), "utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
            watched.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)[1]
    widths = json.loads(html.unescape(title))
    assert len(widths) > len(SECTIONS)
    assert min(widths) > 0
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in console if re.search("error|uncaught", line, re.I)] == []


def test_without_templates_places_or_repetitions(model, unseen, tmp_path):
    """A trained model, sensors whose names say nothing, every image shown once."""
    epochs, features = unseen
    epochs = epochs[~epochs.metadata["image"].duplicated().to_numpy()]
    report = mne_brainae.make_report(model, epochs, features, **QUICK)
    names = [element.name for element in report._content]
    assert "Losses" in names
    assert "Classification" not in names


def test_neurons_without_positions(recording, unseen):
    """Counts of spikes have one time, no topography and no spectrum."""
    info = mne.create_info([f"unit {i}" for i in range(16)], 100.0, "seeg")
    train, test = (
        mne.EpochsArray(
            1e6 * epochs.get_data(copy=True)[..., :1],
            info,
            metadata=epochs.metadata,
            verbose=False,
        )
        for epochs, _ in (recording, unseen)
    )
    encoder = mne_brainae.LinearEncodingModel().fit(train, recording[1])
    report = mne_brainae.make_report(encoder, test, unseen[1], **QUICK)
    titles = [element.name for element in report._content]
    assert {"Where", "Channel correlation", "Best predicted image: "} <= {
        title.removesuffix(title[title.find(": ") + 2 :]) if ": " in title else title
        for title in titles
    }
    assert "Power" not in titles


@pytest.mark.parametrize(
    ("kinds", "n_times"),
    [(["mag", "eeg"] * 8, 40), (["hbo", "hbr"] * 8, 40), (["eeg"] * 16, 1)],
    ids=["MEG and EEG", "fNIRS", "EEG of one sample"],
)
def test_page_of_any_channel_type(kinds, n_times, recording, unseen):
    """Channels at places of the head, of one type or two, at one time or many."""
    places = recording[0].info["chs"]
    train, test = (
        of_kinds(epochs, kinds, n_times, places) for epochs in (recording[0], unseen[0])
    )
    model = mne_brainae.fit(train, recording[1], recipe="linear", verbose="WARNING")
    report = mne_brainae.make_report(model, test, unseen[1], **QUICK)
    titles = [element.name for element in report._content]
    assert {element.section for element in report._content} == set(SECTIONS)
    several = len(set(kinds)) > 1
    assert (f"Scores, {kinds[0]}" in titles) == several
    assert ("Power" in titles) == (n_times > 1)


def of_kinds(epochs, kinds, n_times, places):
    """Return the same responses as if channels of other types had recorded them."""
    names = [f"{i} {kind}" for i, kind in enumerate(kinds)]
    info = mne.create_info(names, epochs.info["sfreq"], kinds)
    for channel, place in zip(info["chs"], places, strict=True):
        channel["loc"][:3] = place["loc"][:3]
    data = epochs.get_data()[..., :n_times] * np.where(np.arange(16) % 2, 1, 3)[:, None]
    return mne.EpochsArray(data, info, metadata=epochs.metadata, verbose=False)


def test_ridge_regression_is_fitted_to_the_training_alone(best, recording, unseen):
    features = unseen[1]
    both = pd.concat([recording[1], features])
    predicted = predict_by_ridge(best, recording[0], both, features)
    ridge = mne_brainae.LinearEncodingModel().fit(*recording)
    expected = ridge.predict_epochs(features)
    np.testing.assert_array_equal(predicted.get_data(), expected.get_data())


def test_types_of_channels_have_their_own_scores(recording, unseen):
    """Gradiometers and magnetometers, and a channel that is bad in the test."""

    def of_two_types(epochs):
        names = dict(zip(epochs.ch_names, ["grad", "mag"] * 8, strict=True))
        info = mne.create_info(list(names), epochs.info["sfreq"], list(names.values()))
        units = np.where(np.arange(16) % 2, 1e-7, 1e-5)[:, None]
        return mne.EpochsArray(
            epochs.get_data() * units,
            info,
            tmin=epochs.tmin,
            metadata=epochs.metadata,
            verbose=False,
        )

    model = mne_brainae.fit(
        of_two_types(recording[0]), recording[1], recipe="linear", verbose="WARNING"
    )
    test = of_two_types(unseen[0])
    test.info["bads"] = test.ch_names[:1]
    report = mne_brainae.make_report(model, test, unseen[1], **QUICK)
    titles = [element.name for element in report._content]
    assert {"Scores, all channels", "Scores, grad", "Scores, mag"} <= set(titles)
    text = "".join(element.html for element in report._content)
    assert "fT/cm (grad), fT (mag)" in text
    assert f"{test.ch_names[0]!r} absent or bad" in html.unescape(text)


def test_arrays_are_drawn_area_by_area(recording, unseen):
    """Contacts named as those of TVSD, on a layout, with one value per image."""
    names = [f"{area}_{i:03d}" for area in ("V1", "IT") for i in range(8)]
    info = mne.create_info(names, 100.0, "seeg")
    place = [[x, y, 0.0] for x in range(4) for y in range(4)]
    info.set_montage(
        mne.channels.make_dig_montage(
            dict(zip(names, 1e-3 * np.array(place), strict=True)), coord_frame="head"
        )
    )
    train, test = (
        mne.EpochsArray(
            epochs.get_data(copy=True)[..., 20:21],
            info,
            metadata=epochs.metadata,
            verbose=False,
        )
        for epochs, _ in (recording, unseen)
    )
    encoder = mne_brainae.LinearEncodingModel().fit(train, recording[1])
    report = mne_brainae.make_report(encoder, test, unseen[1], **QUICK)
    titles = [element.name for element in report._content]
    assert "Areas" in titles
    assert "Where" in titles


def test_page_has_the_sections_that_a_model_can_fill(recording, unseen):
    params = {"brain_encoder": "linear", "max_epochs": 1, "min_updates": 0}
    fitted = mne_brainae.fit(
        *recording, recipe="nice", random_state=0, verbose="WARNING", **params
    )
    report = mne_brainae.make_report(fitted, *unseen, **QUICK)
    sections = {element.section for element in report._content}
    absent = {"Encoding", "Images", "Time, space and frequency"}
    assert sections == set(SECTIONS) - absent


def test_files_are_checked(page, tmp_path):
    report = mne.Report(verbose="ERROR")
    before = page.read_bytes()
    with pytest.raises(FileExistsError):
        write_report(report, page)
    assert page.read_bytes() == before
    with pytest.raises(ValueError, match=r"end in \.html"):
        write_report(report, tmp_path / "report.pdf")


def test_commands_from_recording_to_report(tmp_path, capsys):
    """fit, predict, retrieve and report on files."""
    data = mne_brainae.datasets.simulate(
        n_train_concepts=20,
        n_test_concepts=6,
        n_exemplars=2,
        n_templates=1,
        n_train_repetitions=1,
        n_test_repetitions=2,
        snr=1.0,
        path=tmp_path / "images",
    )
    files = {name: tmp_path / f"{name}-epo.fif" for name in ("train", "test")}
    for name, file in files.items():
        getattr(data, name).save(file, verbose="ERROR")
    model, predicted = tmp_path / "model.safetensors", tmp_path / "new-epo.fif"
    page = tmp_path / "page.html"
    words = ["fit", str(files["train"]), str(data.images), "--recipe", "linear"]
    main([*words, "--out", str(model)])
    shown = [str(data.images / name) for name in data.test.metadata["image"].unique()]
    main(["predict", str(model), *shown[:3], "--out", str(predicted)])
    assert len(mne.read_epochs(predicted)) == 3
    ranks = tmp_path / "ranks.csv"
    words = ["retrieve", str(model), str(files["test"]), str(data.images)]
    main([*words, "--similarity", "likelihood", "--out", str(ranks)])
    table = pd.read_csv(ranks, index_col="epoch")
    best = mne_brainae.read_brainae(model).retrieve(
        mne_brainae.average_repetitions(data.test),
        data.images,
        similarity="likelihood",
    )
    assert list(table["rank"]) == list(best.ranks)
    printed = capsys.readouterr().out
    assert all(str(file) in printed for file in (model, predicted, ranks))
    assert "repetitions averaged: 2 to 2" in printed
    assert f"top-1 {100 * best.top_k(1):.1f} %" in printed
    with pytest.raises(
        SystemExit, match=r"retrieve: .*ranks.csv exists. Give --overwrite"
    ):
        main([*words, "--out", str(ranks)])
    main([*words, "--single-trials", "--out", str(ranks), "--overwrite"])
    assert len(pd.read_csv(ranks)) == 12
    main(
        [
            "report",
            str(model),
            str(files["test"]),
            *("--images", str(data.images)),
            *("--templates", str(data.templates)),
            *("--train", str(files["train"])),
            *("--title", "Simulated", "--out", str(page)),
        ]
    )
    assert str(page) in capsys.readouterr().out
    words = ["report", str(model), str(files["test"]), "--out"]
    with pytest.raises(SystemExit, match=r"report: .*page.html exists"):
        main([*words, str(page)])
    with pytest.raises(SystemExit, match=r"report: fname must end in \.html"):
        main([*words, str(tmp_path / "page.pdf")])
    text = page.read_text("utf-8")
    assert "<title>Simulated</title>" in text
    assert re.search(r"scores 0\.00, ridge regression -?\d", text)
    drawn = figures(text)
    assert {section for section in drawn if not drawn[section]} == WORDS
    with pytest.raises(SystemExit, match=r"fit: .*model.safetensors exists"):
        main(["fit", str(files["train"]), str(data.images), "--out", str(model)])
    words = ["--out", str(tmp_path / "other.safetensors")]
    with pytest.raises(SystemExit, match=r"fit: There is no images .*nowhere"):
        main(["fit", str(files["train"]), str(tmp_path / "nowhere"), *words])
    with pytest.raises(SystemExit, match=r"fit: .*page.html holds no epochs.*-epo.fif"):
        main(["fit", str(page), str(data.images), *words])
