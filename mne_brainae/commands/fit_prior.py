"""``mne_brainae fit-prior``: what a fitted model needs to generate pictures."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model
from ._numbers import count, seed

KINDS = ("diffusion", "ridge")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is learned, and from what."""
    add = parser.add_argument
    add_model(parser)
    add("epochs", type=Path, help="the training epochs of the model (-epo.fif)")
    add("images", type=Path, nargs="?", help="the folder of pictures")
    add("--features", type=Path, help="image embeddings, instead of computing them")
    add("--names", type=Path, help="a text file: the picture of every row of these")
    add("--image-encoder", help="the embedding that the painter takes")
    add("--kind", choices=KINDS, default="diffusion", help="what is fitted")
    add("--widths", type=count, nargs="+", help="units of the levels of the denoiser")
    add("--low-level", type=Path, help="fit a decoder of blurry pictures to this file")
    add("--device", default="auto", help="where to compute, such as cuda or cpu")
    add("--seed", type=seed, help="seed of the prior; by default that of the model")
    add("--out", type=Path, default=Path("prior.safetensors"), help="the prior file")
    add("--overwrite", action="store_true", help="replace the files")


def run(given: argparse.Namespace) -> None:
    """Fit the prior, and the decoder if one is wanted, and save them.

    A call that was killed goes on from a checkpoint beside the file of the prior.
    """
    import mne_brainae
    from mne_brainae.generation import PictureDecoder, fit_prior
    from mne_brainae.generation.generate import TARGET
    from mne_brainae.utils.checks import check_device, check_new_file

    from ._files import check_files, read_epochs

    _check(given)
    check_files(
        given,
        model=given.model,
        epochs=given.epochs,
        images=given.images,
        features=given.features,
        names=given.names,
    )
    check_device(given.device)
    for file in filter(None, (given.out, given.low_level)):  # before the work
        check_new_file(file, ".safetensors", overwrite=given.overwrite)
    model = mne_brainae.read_brainae(given.model)
    epochs = read_epochs(given.epochs)
    if given.low_level is not None:
        decoder = PictureDecoder(picks=model.info_["ch_names"])
        decoder.fit(epochs, given.images)
    checkpoint = given.out.with_suffix(".checkpoint.safetensors")
    prior = fit_prior(
        model,
        epochs,
        given.images if given.features is None else _features(given),
        image_encoder=given.image_encoder or TARGET,
        prior=_new_prior(given, checkpoint),
    )
    # No file before the long work has ended, or it would stop the call that goes on.
    if given.low_level is not None:
        decoder.save(given.low_level, overwrite=given.overwrite)
        print(f"Saved {given.low_level}")
    prior.save(given.out, overwrite=given.overwrite)
    checkpoint.unlink(missing_ok=True)
    print(f"Saved {given.out}")


def _check(given: argparse.Namespace) -> None:
    problem = None
    if (given.features is None) != (given.names is None):
        problem = "--features and --names go together"
    elif given.features is None and given.images is None:
        problem = "give the folder of pictures, or --features and --names"
    elif given.low_level is not None and given.images is None:
        problem = "--low-level needs the folder of pictures"
    if problem:
        raise SystemExit(f"mne_brainae fit-prior: {problem}.")


def _features(given: argparse.Namespace):
    import mne_brainae

    names = given.names.read_text("utf-8").splitlines()
    return mne_brainae.read_image_features(given.features, names)


def _new_prior(given: argparse.Namespace, checkpoint: Path):
    from mne_brainae.generation import DiffusionPrior, RidgePrior

    if given.kind == "ridge":
        return RidgePrior()
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    options = {"widths": tuple(given.widths)} if given.widths else {}
    return DiffusionPrior(
        device=given.device, random_state=given.seed, checkpoint=checkpoint, **options
    )
