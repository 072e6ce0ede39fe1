"""The way of a new user, from BrainVision files to a report, and where one stumbles.

The experiment: two sessions in files of their own, other bad channels in each, two EOG
channels, images of seven formats in folders with umlauts, and a log written on Windows.
"""

import unicodedata
import warnings

import mne
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mne_brainae
from mne_brainae.commands import main

FORMATS = ("png", "jpg", "bmp", "gif", "tif", "webp", "ppm")
CONCEPTS = ("Äpfel", "Bäume", "Häuser", "Vögel")
EEG = ["F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "Oz", "Pz"]
EOG = ["HEOG", "VEOG"]
BADS = {1: ["C4"], 2: ["F3"]}
N_IMAGES, N_TIMES, SFREQ, GAP = 48, 30, 100.0, 50
QUICK = {"n_splits": 2, "n_bootstraps": 10, "random_state": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of images: colored rectangles, by concept."""
    folder = tmp_path_factory.mktemp("experiment") / "Bilder"
    rng = np.random.default_rng(0)
    for number in range(N_IMAGES):
        file = (
            folder / CONCEPTS[number % 4] / f"Bild {number:02d}.{FORMATS[number % 7]}"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((48, 64, 3), rng.integers(0, 255, 3), np.uint8)
        top, left = rng.integers(0, 30, 2)
        pixels[top : top + 15, left : left + 25] = rng.integers(0, 255, 3)
        Image.fromarray(pixels).save(file)
    return folder


@pytest.fixture(scope="module")
def names(folder):
    """The images in order of their numbers, as paths below the folder."""
    files = sorted(folder.rglob("Bild*"), key=lambda file: file.stem)
    return [file.relative_to(folder).as_posix() for file in files]


@pytest.fixture(scope="module")
def drive(folder, names):
    """What the images evoke: five mixtures of their features, scaled."""
    features = mne_brainae.compute_image_features(folder, names=names).to_numpy()
    left, *_ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    return 7 * left[:, :5]


def record(drive, n_channels, seed):
    """Return a signal, the onsets, and which image was shown at each of them."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(9).standard_normal((5, n_channels, N_TIMES))
    mix *= np.exp(-(((np.arange(N_TIMES) - 15) / 5) ** 2))
    shown = rng.permutation(np.repeat(np.arange(N_IMAGES), 2))
    onsets = 100 + GAP * np.arange(len(shown))
    signal = rng.standard_normal((n_channels, 200 + GAP * len(shown)))
    for onset, image in zip(onsets, shown, strict=True):
        evoked = np.tensordot(drive[image], mix, 1)
        signal[:, onset : onset + N_TIMES] += 2 * evoked + 1
    return signal, onsets, shown


@pytest.fixture(scope="module")
def files(folder, names, drive):
    """Two BrainVision recordings and their logs, as a laboratory has them."""
    root = folder.parent
    for session in BADS:
        signal, onsets, shown = record(drive, len(EEG), session)
        eyes = 20 * np.random.default_rng(session).standard_normal((2, signal.shape[1]))
        info = mne.create_info(EEG + EOG, SFREQ, "eeg")
        raw = mne.io.RawArray(1e-6 * np.vstack([signal, eyes]), info)
        marks = mne.Annotations(onsets / SFREQ, 0, "Stimulus/S  1")
        raw.set_annotations(marks)
        mne.export.export_raw(root / f"ses-{session}.vhdr", raw, verbose="ERROR")
        lines = ["C:\\Bilder\\" + names[i].replace("/", "\\") for i in shown]
        log = pd.DataFrame(
            {"image": lines, "concept": [CONCEPTS[i % 4] for i in shown]}
        )
        log.to_csv(root / f"ses-{session}.csv", index=False)
    return root


def read_session(root, session):
    """Cut the epochs of a session, as with any recording."""
    raw = mne.io.read_raw_brainvision(root / f"ses-{session}.vhdr", eog=EOG)
    raw.load_data().set_montage("biosemi64", on_missing="ignore")
    raw.info["bads"] = [name for bads in BADS.values() for name in bads]
    events, ids = mne.events_from_annotations(raw)
    log = pd.read_csv(root / f"ses-{session}.csv").assign(session=session)
    event_id = {"Bild": ids["Stimulus/S  1"]}
    limits = {"tmin": -0.1, "tmax": 0.28, "baseline": (None, 0)}
    return mne.Epochs(raw, events, event_id, metadata=log, preload=True, **limits)


@pytest.fixture(scope="module")
def epochs(files):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Concatenation of Annotations")
        return mne.concatenate_epochs([read_session(files, s) for s in BADS])


@pytest.fixture(scope="module")
def split(epochs):
    """Training and test, of different images."""
    folds = mne_brainae.split_epochs(epochs, "image", n_splits=4, random_state=0)
    return next(folds)


@pytest.fixture(scope="module")
def model(split, folder):
    return mne_brainae.fit(split[0], folder, recipe="linear", random_state=0)


def test_eye_and_bad_channels_are_left_to_the_user(model):
    assert model.info_["ch_names"] == [name for name in EEG if name not in "C4 F3"]


def test_windows_paths_and_umlauts_find_their_files(model, split, names):
    shown = [name.replace("\\", "/") for name in split[0].metadata["image"].unique()]
    assert set(model.train_images_) == set(shown)
    assert {name.removeprefix("C:/Bilder/") for name in shown} <= set(names)


def test_decomposed_umlauts_are_the_same_names(model, split, folder):
    """As a Mac writes them."""
    averaged = mne_brainae.average_repetitions(split[1])
    found = model.retrieve(averaged, folder)
    apart = averaged.metadata["image"].map(lambda x: unicodedata.normalize("NFD", x))
    averaged.metadata["image"] = apart
    again = model.retrieve(averaged, folder)
    assert list(again.ranks) == list(found.ranks)


def test_the_image_is_found_beside_chance(model, split, folder):
    averaged = mne_brainae.average_repetitions(split[1])
    found = model.retrieve(averaged, folder, similarity="likelihood")
    assert found.p_value() < 0.01
    assert found.protocol["gallery"] == "12 images, those that epochs name"
    assert found.protocol["test images seen in fit"] == 0
    assert "<img" in found._repr_html_()
    figure = found.plot_gallery(k=2, n_epochs=2, show=False)
    assert len(figure.axes) == 6
    with pytest.warns(RuntimeWarning, match="images were seen in fit"):
        model.retrieve(mne_brainae.average_repetitions(split[0][:9]), folder)


def test_the_whole_folder_is_a_gallery(model, split, folder):
    averaged = mne_brainae.average_repetitions(split[1])
    found = model.retrieve(averaged, folder, gallery="all")
    assert found.chance() == 1 / N_IMAGES


def test_predictions_are_scored_without_a_dictionary(model, split, folder):
    train, test = split
    predicted = model.predict_epochs(folder, like=test)
    assert list(predicted.metadata["image"]) == list(test.metadata["image"].unique())
    assert set(predicted.metadata["concept"]) == set(test.metadata["concept"])
    assert predicted.event_id == test.event_id == {"Bild": 1}
    assert predicted.baseline == train.baseline
    assert model.predict_evoked(folder / "Äpfel").baseline == train.baseline
    scores = model.score_encoding(test, folder, **QUICK)
    by_hand = mne_brainae.score_encoding(test, predicted, model.evoked_, **QUICK)
    assert scores.table.equals(by_hand.table)
    assert scores.table.loc["prediction", "r_images"] > 0.2


def test_the_other_session_is_a_test(epochs, folder):
    """All images are in both, which the score says."""
    train, test = next(mne_brainae.split_epochs(epochs, "session"))
    fitted = mne_brainae.fit(train, folder, recipe="linear", random_state=0)
    with pytest.warns(RuntimeWarning, match="48 of the test images were seen in fit"):
        found = fitted.retrieve(mne_brainae.average_repetitions(test), folder)
    assert found.protocol["test images seen in fit"] == N_IMAGES


def test_a_channel_that_went_bad_at_test_is_imputed(model, split, folder):
    averaged = mne_brainae.average_repetitions(split[1])
    averaged.info["bads"] = ["Oz"]
    found = model.retrieve(averaged, folder)
    assert "'Oz'" in found.protocol["channels imputed"]
    scores = model.score_encoding(averaged, folder, **QUICK)
    assert "Oz" not in scores.r_map.ch_names


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e: e.average(), "must be Epochs"),
        (lambda e: setattr(e, "metadata", None), "column 'image'"),
        (
            lambda e: e.metadata.rename(columns={"image": "Bild"}, inplace=True),
            "no column 'image', only 'Bild'",
        ),
        (
            lambda e: e.metadata["image"].replace("Bild 0", "Bidl 0", regex=True),
            "did you mean",
        ),
    ],
    ids=["Evoked", "no metadata", "another column", "misspelled"],
)
def test_mistakes_say_what_to_do(model, split, folder, change, told):
    test = split[1].copy()
    changed = change(test)
    if isinstance(changed, pd.Series):
        test.metadata["image"] = changed
    given = changed if isinstance(changed, mne.Evoked) else test
    with pytest.raises((TypeError, ValueError), match=told):
        model.retrieve(given, folder)


def test_files_and_commands(split, folder, model, capsys, tmp_path):
    """The same on the command line, in another folder."""
    train, test = tmp_path / "train-epo.fif", tmp_path / "test-epo.fif"
    for epochs, file in zip(split, (train, test), strict=True):
        epochs.save(file)
    fitted = tmp_path / "sub-01.safetensors"
    words = [str(train), str(folder), "--recipe", "linear", "--out", str(fitted)]
    main(["fit", *words, "--quiet"])
    out = tmp_path / "ranks.csv"
    words = [str(fitted), str(test), str(folder), "--gallery", "all"]
    main(["retrieve", *words, "--out", str(out)])
    assert "gallery: 48 images" in capsys.readouterr().out
    averaged = mne_brainae.average_repetitions(split[1])
    found = model.retrieve(averaged, folder, gallery="all")
    assert list(pd.read_csv(out)["rank"]) == list(found.ranks)


def test_meg_and_eeg_on_one_page(folder, names, drive):
    """Magnetometers and EEG in their own units, from epochs to the report."""
    signal, onsets, shown = record(drive, 16, 3)
    units = np.array([1e-13] * 8 + [1e-6] * 8)[:, None]
    kinds = ["mag"] * 8 + ["eeg"] * 8
    info = mne.create_info([f"{k}{i}" for i, k in enumerate(kinds)], SFREQ, kinds)
    places = mne.channels.make_standard_montage("biosemi16").get_positions()["ch_pos"]
    for channel, place in zip(info["chs"], 2 * list(places.values())[:8], strict=True):
        channel["loc"][:3] = place
    raw = mne.io.RawArray(units * signal, info)
    events = np.column_stack([onsets, 0 * onsets, 0 * onsets + 1])
    log = pd.DataFrame({"image": [names[i] for i in shown]})
    epochs = mne.Epochs(raw, events, tmin=0, tmax=0.28, baseline=None, metadata=log)
    folds = mne_brainae.split_epochs(epochs, "image", n_splits=4, random_state=0)
    train, test = next(folds)
    fitted = mne_brainae.fit(train, folder, recipe="linear", random_state=0)
    report = mne_brainae.make_report(fitted, test, folder, **QUICK)
    titles = [element.name for element in report._content]
    assert {"Scores, mag", "Scores, eeg"} <= set(titles)
    assert "What was seen, and the guesses" in titles
    text = "".join(element.html for element in report._content)
    assert "Responses of 8 mag, 8 eeg channels" in text
    assert "fT (mag), µV (eeg)" in text
