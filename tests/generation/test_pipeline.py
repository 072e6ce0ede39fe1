"""Pictures painted through the real API of diffusers, by tiny untrained networks."""

import json
import shutil
from importlib.util import find_spec

import mne
import numpy as np
import pandas as pd
import pytest
from mne.utils import catch_logging
from PIL import Image
from tiny_sdxl import N_FEATURES, write_tiny_sdxl

import mne_brainae
from mne_brainae.commands import main
from mne_brainae.generation import (
    DiffusionPrior,
    GeneratedPictures,
    PictureDecoder,
    RidgePrior,
    fit_prior,
    generate_pictures,
    load_pipeline,
)

NEEDED = ("diffusers", "transformers", "accelerate")
pytestmark = [
    pytest.mark.skipif(
        not all(find_spec(name) for name in NEEDED),
        reason=f"one of {', '.join(NEEDED)} is not installed (extra 'generation')",
    ),
    # The schedulers of diffusers turn tensors to arrays as NumPy 1 did.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def colors(pictures):
    """An image embedding of twelve features."""
    return np.array([np.asarray(p.resize((2, 2)), float).ravel() for p in pictures])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def pipeline(files):
    return load_pipeline(files[0], adapter=files[1], device="cpu")


@pytest.fixture(scope="module")
def seen():
    """A brain of 24 channels that holds the colors of pictures."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 2, 2, 3)).astype(np.uint8)
    pictures = {
        f"{i}.png": Image.fromarray(p).resize((32, 32)) for i, p in enumerate(pixels)
    }
    brain = colors(pictures.values()) @ rng.standard_normal((12, 24)) / 255
    brain += 0.1 * rng.standard_normal(brain.shape)
    names = list(pictures)
    epochs = mne.EpochsArray(
        1e-6 * brain[:, :, None],
        mne.create_info(24, 100.0, "eeg"),
        metadata=pd.DataFrame({"image": names}),
    )
    return epochs, pictures


@pytest.fixture(scope="module")
def model(seen):
    epochs, pictures = seen
    table = pd.DataFrame(colors(pictures.values()), index=list(pictures))
    return mne_brainae.fit(epochs[:50], table, recipe="linear", device="cpu")


@pytest.fixture(scope="module")
def prior(seen, model):
    epochs, pictures = seen
    return fit_prior(
        model, epochs[:50], pictures, image_encoder=colors, prior=RidgePrior()
    )


def pixels(generated):
    return np.array(
        [[np.asarray(p) for p in several] for several in generated.pictures]
    )


def difference(one, other):
    """The mean difference of pixels, of 255."""
    return np.abs(pixels(one).astype(float) - pixels(other)).mean()


def test_pictures_are_painted_from_what_the_brain_says(seen, model, prior, pipeline):
    epochs, pictures = seen
    how = {"pipeline": pipeline, "n_images": 2, "n_steps": 2, "random_state": 0}
    generated = generate_pictures(model, epochs[50:53], prior, **how)
    assert len(generated) == 3
    assert generated.names == ["50.png", "51.png", "52.png"]
    assert generated.embeddings.shape == (3, 2, N_FEATURES)
    assert pixels(generated).shape == (3, 2, 32, 32, 3)
    again = generate_pictures(model, epochs[50:53], prior, **how, batch_size=1)
    assert difference(generated, again) < 0.1  # rounding in products of batches
    other = generate_pictures(model, epochs[50:53], prior, **how | {"random_state": 1})
    assert difference(generated, other) > 5
    shuffled = generate_pictures(model, epochs[50:53], prior, **how, control="shuffled")
    assert difference(generated, shuffled) > 1.5
    assert "shuffled" in repr(shuffled)
    sheet = generated.contact_sheet(pictures, size=32)
    assert sheet.size[1] > 3 * 32


@pytest.mark.parametrize("guidance", [0.0, 5.0])
@pytest.mark.parametrize("blur", [False, True], ids=["noise", "blur"])
def test_a_picture_depends_on_its_own_epoch_alone(
    seen, model, prior, pipeline, guidance, blur
):
    """At any batch size, and whatever is painted beside it."""
    epochs, pictures = seen
    decoder = PictureDecoder(size=4).fit(epochs[:50], pictures) if blur else None
    how = {"pipeline": pipeline, "n_steps": 2, "guidance": guidance, "random_state": 0}
    how |= {"low_level": decoder}
    four = generate_pictures(model, epochs[50:54], prior, batch_size=4, **how)
    one = generate_pictures(model, epochs[50:54], prior, batch_size=1, **how)
    assert difference(one, four) < 0.1
    first = generate_pictures(model, epochs[50:51], prior, **how)
    assert difference(first, GeneratedPictures(four.pictures[:1], ["50"], None)) < 0.1
    assert "prepare_ip_adapter_image_embeds" not in vars(pipeline)


def test_one_image_cannot_be_shuffled(seen, model, prior, pipeline):
    epochs, _ = seen
    for alone in (epochs[50:51], mne.concatenate_epochs([epochs[50:51]] * 2)):
        with pytest.raises(ValueError, match="response to another image"):
            generate_pictures(
                model, alone, prior, pipeline=pipeline, control="shuffled"
            )


def test_the_embedding_reaches_the_painter(seen, model, prior, pipeline):
    """The same call by hand, through diffusers alone."""
    import torch

    epochs, _ = seen
    generated = generate_pictures(
        model, epochs[50:51], prior, pipeline=pipeline, n_steps=3, guidance=4.0,
        random_state=3,
    )  # fmt: skip
    embedding = torch.from_numpy(generated.embeddings[0])[None]
    seed = np.random.default_rng(3).integers(2**31, size=1)[0]
    by_hand = pipeline(
        prompt="",
        ip_adapter_image_embeds=[torch.cat([torch.zeros_like(embedding), embedding])],
        num_inference_steps=3,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(int(seed)),
    ).images[0]
    np.testing.assert_array_equal(pixels(generated)[0, 0], np.asarray(by_hand))


def test_painting_may_start_from_a_blurry_picture(seen, model, prior, pipeline):
    epochs, pictures = seen
    decoder = PictureDecoder(size=4).fit(epochs[:50], pictures)
    how = {"pipeline": pipeline, "low_level": decoder, "random_state": 0}
    near = generate_pictures(
        model, epochs[50:54], prior, strength=0.25, n_steps=4, **how
    )
    assert [start.size for start in near.starts] == [(4, 4)] * 4
    far = generate_pictures(model, epochs[50:54], prior, strength=1.0, n_steps=4, **how)
    assert difference(near, far) > 5
    assert near.protocol["starts from"] == "blur, 0.25"
    with pytest.raises(ValueError, match="take at least 4"):
        generate_pictures(model, epochs[50:], prior, strength=0.25, n_steps=2, **how)


def test_scores_and_files_of_generated_pictures(seen, model, prior, pipeline, tmp_path):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    epochs, pictures = seen
    generated = generate_pictures(
        model, epochs[50:54], prior, pipeline=pipeline, n_steps=1, random_state=0
    )
    scores = generated.score(pictures, random_state=0)
    assert list(scores.table.index) == ["PixCorr", "SSIM"]
    assert scores.protocol["prior"] == "RidgePrior"
    files = generated.save(tmp_path)
    assert [file.name for file in files][:2] == ["50_1.png", "51_1.png"]
    with Image.open(files[0]) as first:
        np.testing.assert_array_equal(np.asarray(first), pixels(generated)[0, 0])


def test_a_prior_without_a_brain_is_a_control(seen, model, pipeline):
    epochs, pictures = seen
    small = DiffusionPrior(
        widths=(16, 8), max_epochs=3, min_updates=1, device="cpu", random_state=0
    )
    prior = fit_prior(model, epochs[:50], pictures, image_encoder=colors, prior=small)
    how = {"pipeline": pipeline, "n_steps": 1, "random_state": 0}
    how |= {"prior_options": {"n_steps": 4}, "control": "prior only"}
    one = generate_pictures(model, epochs[50:52], prior, **how)
    other = generate_pictures(model, epochs[52:54], prior, **how)
    np.testing.assert_array_equal(pixels(one), pixels(other))
    with pytest.raises(ValueError, match="needs a DiffusionPrior"):
        generate_pictures(
            model, epochs[50:52], RidgePrior().fit(np.eye(8), np.eye(8)), **how
        )


def test_pictures_of_repeated_stimuli_get_files_of_their_own(
    seen, model, prior, pipeline, tmp_path
):
    epochs, pictures = seen
    twice = mne.concatenate_epochs([epochs[50:52]] * 2, verbose="ERROR")
    generated = generate_pictures(
        model, twice, prior, pipeline=pipeline, n_steps=1, random_state=0
    )
    files = [file.name for file in generated.save(tmp_path)]
    assert files[1:3] == ["00001_51_1.png", "00002_50_1.png"]
    assert len(set(files)) == 4
    assert generated.contact_sheet(pictures, size=32).size[1] > 2 * 32
    with pytest.raises(ValueError, match="average repetitions"):
        generated.score(pictures)


# -- the commands ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_disk(seen, model, tmp_path_factory):
    """Everything that the commands are given, as files."""
    folder = tmp_path_factory.mktemp("study")
    epochs, pictures = seen
    model.save(folder / "model.safetensors")
    epochs[:50].save(folder / "train-epo.fif", verbose="ERROR")
    repeated = mne.concatenate_epochs([epochs[50:53]] * 2, verbose="ERROR")
    repeated.save(folder / "test-epo.fif", verbose="ERROR")
    (folder / "images").mkdir()
    for name, picture in pictures.items():
        picture.save(folder / "images" / name)
    np.save(folder / "features.npy", colors(pictures.values()))
    (folder / "names.txt").write_text("\n".join(pictures), "utf-8")
    return folder


@pytest.fixture
def impatient(monkeypatch):
    """Training ends at the first epoch that is no better."""
    monkeypatch.setattr("mne_brainae.generation.diffusion.PATIENCE", 1)


def fit_prior_command(folder, out, *more):
    main(
        [
            *("fit-prior", str(folder / "model.safetensors")),
            *(str(folder / "train-epo.fif"), str(folder / "images")),
            *("--features", str(folder / "features.npy")),
            *("--names", str(folder / "names.txt"), "--out", str(out)),
            *("--device", "cpu", "--widths", "16", "8", *more),
        ]
    )


@pytest.mark.usefixtures("impatient")
def test_commands_from_model_to_scored_pictures(on_disk, files, tmp_path, capsys):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    prior, blurry = tmp_path / "prior.safetensors", tmp_path / "blurry.safetensors"
    fit_prior_command(on_disk, prior, "--low-level", str(blurry))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "blurry.safetensors",
        "prior.safetensors",
    ]
    out = tmp_path / "out"
    command = [
        *("generate", str(on_disk / "model.safetensors")),
        *(str(on_disk / "test-epo.fif"), "--prior", str(prior)),
        *("--pipeline", str(files[0]), "--adapter", str(files[1])),
        *("--n-images", "2", "--low-level", str(blurry), "--steps", "2"),
        *("--stimuli", str(on_disk / "images"), "--score"),
        *("--device", "cpu", "--out", str(out)),
    ]
    main(command)
    printed = capsys.readouterr().out
    assert "PixCorr" in printed
    assert "3 x 2 pictures" in printed  # repetitions were averaged
    names = sorted(file.name for file in (out / "pictures").iterdir())
    assert names == [f"{i}_{n}.png" for i in (50, 51, 52) for n in (1, 2)]
    table = pd.read_csv(out / "scores.csv", index_col="score")
    assert list(table.index) == ["PixCorr", "SSIM"]
    controls = ["prior only", "start", "mean picture", "shuffled", "stimuli"]
    assert list(table.columns) == ["generated", *controls, "better"]
    assert table.loc["PixCorr", "start"] > table.loc["PixCorr", "mean picture"]
    protocol = json.loads((out / "protocol.json").read_text("utf-8"))
    assert protocol["prior"] == "DiffusionPrior"
    assert protocol["starts from"] == "blur, 0.75"
    with Image.open(out / "contact_sheet.png") as sheet:
        height = sheet.size[1]
    with pytest.raises(SystemExit, match=r"contact_sheet\.png exists"):
        main(command)
    only = [word for word in command if word != "--score"]
    main([*only, "--overwrite", "--sheet", "generated-only", "--n-images", "1"])
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.size[1] == height - 2 * 100  # neither stimulus nor second picture


@pytest.mark.usefixtures("impatient")
def test_a_killed_command_goes_on(on_disk, tmp_path, monkeypatch):
    """To the same result, as the test of the prior itself shows."""
    from mne_brainae.generation.diffusion import DiffusionTraining

    validate, calls = DiffusionTraining.validate, []

    def killed(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return validate(self, *args)

    monkeypatch.setattr(DiffusionTraining, "validate", killed)
    broken, blurry = tmp_path / "broken.safetensors", tmp_path / "blurry.safetensors"
    words = ("--low-level", str(blurry))
    with pytest.raises(MemoryError):
        fit_prior_command(on_disk, broken, *words)
    assert (tmp_path / "broken.checkpoint.safetensors").exists()
    with catch_logging(verbose="INFO") as log:
        fit_prior_command(on_disk, broken, *words)
    assert "Going on from epoch" in log.getvalue()
    assert set(tmp_path.iterdir()) == {broken, blurry}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("generate m.safetensors e-epo.fif", "give MODEL, EPOCHS, --prior and --out"),
        ("generate m.safetensors --data macaque_v4", "takes no model"),
        ("generate m e --prior p --out o --score", "--score needs --stimuli"),
        ("fit-prior m e", "give the folder of pictures, or"),
        ("fit-prior m e i --features f", "go together"),
        ("fit-prior m e --features f --names n --low-level l", "needs the folder"),
    ],
)
def test_commands_say_what_they_lack(words, complaint):
    with pytest.raises(SystemExit, match=complaint):
        main(words.split())


def test_weights_that_may_hold_code_are_refused(files, tmp_path):
    import torch

    adapter = tmp_path / "adapter.bin"
    torch.save({"image_proj": {}, "ip_adapter": {}}, adapter)
    with pytest.raises(ValueError, match=r"must be a \.safetensors file"):
        load_pipeline(files[0], adapter=adapter, device="cpu")
    pickled = tmp_path / "pipeline"
    shutil.copytree(files[0], pickled)
    (weights,) = (pickled / "unet").glob("*.safetensors")
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(RuntimeError, match="give their folder as pipeline"):
        load_pipeline(pickled, adapter=files[1], device="cpu")


def test_bad_input_is_explained(seen, model, prior, pipeline, files, tmp_path):
    from diffusers import StableDiffusionXLPipeline

    epochs, _ = seen
    with pytest.raises(ValueError, match="sdxl-turbo"):
        load_pipeline("sdxl-fast")
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        load_pipeline(files[0], adapter=tmp_path / "adapter.safetensors")
    with pytest.raises(RuntimeError, match="give their folder as pipeline"):
        load_pipeline(tmp_path, adapter=files[1], device="cpu")
    plain = StableDiffusionXLPipeline.from_pretrained(files[0])
    with pytest.raises(ValueError, match="no IP-Adapter"):
        generate_pictures(model, epochs[:2], prior, pipeline=plain)
    with pytest.raises(TypeError, match="pipeline must be an instance of"):
        generate_pictures(model, epochs[:2], prior, pipeline=3)
    with pytest.raises(ValueError, match="control"):
        generate_pictures(model, epochs[:2], prior, pipeline=pipeline, control="noise")
    brain = model.embed_epochs(epochs[:50])
    wrong = RidgePrior().fit(brain.to_numpy(), np.eye(50, 7))
    with pytest.raises(ValueError, match=f"7 features, .* takes {N_FEATURES}"):
        generate_pictures(model, epochs[:2], wrong, pipeline=pipeline)
