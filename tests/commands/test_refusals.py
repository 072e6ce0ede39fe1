"""What a command cannot do is said in one line, before any work."""

import gc

import mne
import numpy as np
import pytest
from hub_server import running_hub
from PIL import Image

import mne_brainae
from mne_brainae.commands import main, make_parser
from mne_brainae.models.model import Model


@pytest.fixture(scope="module")
def folder(tmp_path_factory, recording, unseen):
    """Epochs, images, templates and a fitted model in files."""
    folder = tmp_path_factory.mktemp("refusals")
    rng = np.random.default_rng(0)
    for part, (epochs, features) in {"train": recording, "test": unseen}.items():
        epochs.save(folder / f"{part}-epo.fif", verbose="ERROR")
        for name in features.index:
            for place in ("images", "templates"):
                draw(folder / place / name, rng)
    for concept in unseen[0].metadata["concept"].unique():
        draw(folder / "others" / concept / "another.png", rng)
    encode = {"image_encoder": "gabor", "verbose": "ERROR"}
    ridge = mne_brainae.RidgeModel(**encode)
    ridge.fit(recording[0], folder / "images").save(folder / "ridge.safetensors")
    (folder / "notes.txt").write_text("no epochs")
    (folder / "empty").mkdir()
    return folder


def draw(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (255 * rng.random((8, 8, 3))).astype("uint8")
    Image.fromarray(pixels).save(path)


REFUSED = {
    "fit {f}/train-epo.fif {f}/images --out {f}/model.pt": r"\.safetensors",
    "fit {f}/nowhere-epo.fif {f}/images": "nowhere-epo.fif",
    "fit {f}/train-epo.fif {f}/nowhere": "nowhere",
    "fit {f}/notes.txt {f}/images": "no epochs",
    "fit {f}/train-epo.fif {f}/empty": "no image",
    "fit {f}/train-epo.fif {f}/images --image-encoder vgg": "image_encoder.*vgg",
    "fit {f}/train-epo.fif {f}/images --device abacus": "device.*abacus",
    "fit {f}/train-epo.fif {f}/images --picks Cz9": "picks.*Cz9",
    "fit {f}/train-epo.fif {f}/images --checkpoint {f}/a.pt": r"\.safetensors",
    "fit {f}/train-epo.fif {f}/images --recipe linear --checkpoint {f}/a.safetensors": (
        "checkpoint"
    ),
    "fit {f}/train-epo.fif {f}/images --out {f}/ridge.safetensors": "--overwrite",
    "fit {f}/train-epo.fif {f}/images --out {f}/notes.txt/a.safetensors": "notes.txt",
    "predict {f}/ridge.safetensors {f}/images --out {f}/a.fif": "-epo.fif",
    "predict {f}/nowhere.safetensors {f}/images": "nowhere.safetensors",
    "predict {f}/notes.txt {f}/images": "notes.txt",
    "predict {f}/ridge.safetensors {f}/nowhere": "nowhere",
    "retrieve {f}/ridge.safetensors {f}/test-epo.fif {f}/images --out {f}/a.txt": (
        r"\.csv"
    ),
    "retrieve {f}/ridge.safetensors {f}/notes.txt {f}/images": "no epochs",
    "classify {f}/ridge.safetensors {f}/test-epo.fif {f}/empty": "templates",
    "classify {f}/ridge.safetensors {f}/test-epo.fif {f}/nowhere": "nowhere",
    "classify {f}/ridge.safetensors {f}/test-epo.fif {f}/images": "concept|stimuli",
    "reconstruct {f}/ridge.safetensors {f}/test-epo.fif --out {f}/a.fif": "-epo.fif",
    "reconstruct {f}/ridge.safetensors {f}/nowhere": "nowhere",
    "report {f}/ridge.safetensors {f}/test-epo.fif --out {f}/a.pdf": r"\.html",
    "report {f}/ridge.safetensors {f}/test-epo.fif --images {f}/nowhere": "nowhere",
    "many {f}/train-epo.fif --images {f}/nowhere": "nowhere",
    "many a={f}/train-epo.fif a={f}/test-epo.fif --images {f}/images": "'a'",
    "many {f}/nowhere-epo.fif --images {f}/images": "nowhere-epo.fif",
    "many {f}/notes.txt --images {f}/images": "no epochs",
    "many a/b={f}/train-epo.fif --images {f}/images": "a/b",
    "fit-prior {f}/ridge.safetensors {f}/train-epo.fif": "folder of pictures",
    "fit-prior {f}/ridge.safetensors {f}/train-epo.fif {f}/nowhere": "nowhere",
    "fit-prior {f}/notes.txt {f}/train-epo.fif {f}/images": "notes.txt",
    "fit-prior {f}/ridge.safetensors {f}/train-epo.fif {f}/images --out a.pt": (
        r"\.safetensors"
    ),
    "generate {f}/ridge.safetensors": "--prior",
    "generate {f}/ridge.safetensors {f}/test-epo.fif --prior {f}/no --out {f}/g": "no",
    "image-encoders vgg": "vgg",
    "datasets check macaque-v4 {f}": "no BIDS",
    "datasets to-bids things-meg {f} {f}/bids": "BIDS already",
    "datasets check things-eeg2 {f}": "sub-|there is|There is",
    "benchmark table1": "--data",
    "benchmark few-images --images 3": "number of images|at least",
}


# Epochs that are not read are closed when they are collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_refusal_is_one_line_before_the_work(words, folder, monkeypatch, capsys):
    def begin(*args, **kwargs):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(Model, "_fit", begin)
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match=REFUSED[words]) as caught:
        main([word.replace("{f}", str(folder)) for word in words.split()])
    said = str(caught.value)
    assert "\n" not in said
    assert "Traceback" not in said + "".join(capsys.readouterr())
    del caught
    gc.collect()


@pytest.mark.parametrize(
    "words",
    [
        "fit a-epo.fif b --seed -1",
        "fit a-epo.fif b --recipe worst",
        "many a-epo.fif --images b --jobs 0",
        "many a-epo.fif --images b --seeds many",
        "reconstruct a b-epo.fif --ratio 1.5",
        "demo --folds 7",
        "benchmark neurons --seeds 0",
        "benchmark few-images --snr 0",
        "generate --data macaque-v4 --size 0",
        "datasets info nothing",
    ],
)
def test_numbers_and_names_are_checked_while_parsing(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2
    *usage, said = capsys.readouterr().err.strip().splitlines()
    assert usage[0].startswith("usage:")
    assert "argument" in said


def test_a_fit_and_all_that_it_can_do(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    fit = "fit train-epo.fif images --recipe linear --image-encoder gabor --quiet"
    main([*fit.split(), "--device", "cpu", "--seed", "0", "--out", "m.safetensors"])
    assert "Saved" not in capsys.readouterr().out  # and no more than a warning
    main(["classify", "m.safetensors", "test-epo.fif", "others", "--quiet"])
    main(
        [
            "reconstruct",
            "m.safetensors",
            "test-epo.fif",
            "--mask",
            "spatial",
            "--seed",
            "0",
        ]
    )
    main(
        [
            "retrieve",
            "m.safetensors",
            "test-epo.fif",
            "images",
            "--similarity",
            "encoding",
        ]
    )
    assert "Saved 240 whole epochs in reconstructed-epo.fif" in capsys.readouterr().out
    for file in ("classified.csv", "reconstructed-epo.fif", "retrieved.csv"):
        assert (folder / file).exists()


def test_a_checkpoint_is_gone_when_the_fit_has_ended(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        Model, "_fit", lambda self, epochs, images: (folder / "c.safetensors").touch()
    )
    monkeypatch.setattr(Model, "save", lambda self, fname, overwrite: None)
    main(["fit", "train-epo.fif", "images", "--checkpoint", "c.safetensors", "--quiet"])
    assert not (folder / "c.safetensors").exists()


def test_many_fits_of_named_subjects(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    words = "many 01=train-epo.fif --images images --recipe linear --seeds 2"
    main(words.split())
    assert "01" in capsys.readouterr().out
    files = {path.name for path in (folder / "brainae_fits").glob("*.safetensors")}
    assert files == {f"01_set-default_seed-{seed}.safetensors" for seed in (0, 1)}


@pytest.fixture
def on_the_hub(folder, monkeypatch, tmp_path):
    """The address of the fitted model on a local server of the Hub's interface."""
    monkeypatch.setenv("HF_TOKEN", "secret")
    with running_hub(monkeypatch, tmp_path / "cache"):
        model = mne_brainae.read_brainae(folder / "ridge.safetensors")
        yield model.push_to_hub("owner/ridge")


WITH_MODEL = {
    "predict": "images",
    "retrieve": "test-epo.fif images",
    "classify": "test-epo.fif others",
    "reconstruct": "test-epo.fif",
    "report": "test-epo.fif",
    "fit-prior": "train-epo.fif images",
    "generate": "test-epo.fif --prior a.safetensors --out b",
}


@pytest.mark.parametrize("command", WITH_MODEL)
def test_every_command_with_a_model_takes_an_address(command):
    words = [command, "hf://owner/name@v1", *WITH_MODEL[command].split()]
    assert make_parser().parse_args(words).model == "hf://owner/name@v1"


def test_a_command_reads_from_the_hub(folder, on_the_hub, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    images = str(folder / "images")
    predicted = []
    for place in (on_the_hub, str(folder / "ridge.safetensors")):
        out = f"{len(predicted)}-epo.fif"
        main(["predict", place, images, "--out", out, "--quiet"])
        predicted.append(mne.read_epochs(out, verbose="ERROR").get_data())
    np.testing.assert_array_equal(*predicted)
    with pytest.raises(SystemExit, match="has no owner/absent"):
        main(["predict", "hf://owner/absent", images])
    with pytest.raises(SystemExit, match="owner/name"):
        main(["predict", "hf://absent", images])
