"""``mne_brainae generate``: pictures from brain activity, scored, on one sheet."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ._files import add_model
from ._names import one_of
from ._numbers import count, not_negative, part, seed, six

SESSIONS = ("190923", "210225")
SHEETS = ("with-stimuli", "generated-only")
NOTE = """
Photographs decoded from macaque V4 by ridge regression, unseen in the fit.
Means over {folds} of {all_folds} folds of 200. 'mean picture' knows the training
photographs and no response; 'shuffled' puts every decoded picture beside another
photograph; 'stimuli' are the photographs themselves.
"""
NOTE_ON_CONTROLS = """
'shuffled' puts every picture beside another stimulus, 'prior only' was painted without
any brain, 'start' are the blurry pictures that painting started from, and 'stimuli' are
the stimuli themselves. A painter paints convincing pictures in any case: report the
controls.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model and its painter, or the demonstration, and where to save."""
    add = parser.add_argument
    add_model(parser, nargs="?")
    add("epochs", type=Path, nargs="?", help="test epochs (-epo.fif)")
    add("--out", type=Path, help="folder for pictures, contact sheet and scores")
    add("--sheet", choices=SHEETS, default=SHEETS[0], help="what the sheet shows")
    add("--overwrite", action="store_true", help="replace what is in the folder")
    own = parser.add_argument_group("a model").add_argument
    own("--prior", type=Path, help="a prior file of mne_brainae fit-prior")
    own("--pipeline", default="sdxl-turbo", help="sdxl-turbo, sdxl or a folder")
    own("--adapter", type=Path, help="weights of the IP-Adapter (.safetensors)")
    own("--n-images", type=count, default=4, help="pictures per stimulus")
    own("--low-level", type=Path, help="a decoder file; painting starts from it")
    own("--strength", type=part, default=0.75, help="how far from such a start")
    own("--steps", type=count, help="steps of the painter")
    own("--guidance", type=not_negative, help="classifier-free guidance of the painter")
    own("--batch-size", type=count, default=4, help="pictures painted together")
    own("--device", default="auto", help="where to compute, such as cuda or cpu")
    own("--offload", action="store_true", help="less graphics memory, more time")
    own("--seed", type=seed, default=0, help="seed of prior and painter")
    own("--stimuli", type=Path, help="the folder of the pictures that were seen")
    own("--score", action="store_true", help="score against them, with controls")
    own("--networks", nargs="+", help="judges: paper, or some of its six by name")
    demo = parser.add_argument_group("a demonstration").add_argument
    demo(
        "--data",
        **one_of(("macaque_v4",)),
        help="decode these, without a model",
    )
    demo("--session", nargs="+", default=SESSIONS, help="sessions of macaque V4")
    demo("--folds", type=six, default=1, help="test folds, up to 6")
    demo("--size", type=count, default=16, help="pixels per side that are decoded")


def run(given: argparse.Namespace) -> None:
    """Generate from a model, or decode unseen photographs from V4 neurons."""
    _check(given)
    if given.data is None:
        _generate(given)
    else:
        _demonstrate(given)


def _check(given: argparse.Namespace) -> None:
    problem = None
    if given.data is not None:
        if given.model is not None:
            problem = "--data is a demonstration and takes no model"
    elif None in (given.model, given.epochs, given.prior, given.out):
        problem = "give MODEL, EPOCHS, --prior and --out, or --data macaque-v4"
    elif given.score and given.stimuli is None:
        problem = "--score needs --stimuli"
    if problem:
        raise SystemExit(f"mne_brainae generate: {problem}.")


# -- a model ---------------------------------------------------------------------------


def _generate(given: argparse.Namespace) -> None:
    """Paint, lay the pictures out and score them beside controls."""
    import mne_brainae
    from mne_brainae.benchmark.studies.generation import score_beside_controls
    from mne_brainae.generation import (
        generate_pictures,
        read_picture_decoder,
        read_prior,
    )
    from mne_brainae.utils.checks import check_device, check_new_file

    from ..utils.tables import as_text
    from ._files import check_files, read_epochs

    check_files(
        given,
        model=given.model,
        epochs=given.epochs,
        prior=given.prior,
        stimuli=given.stimuli,
        adapter=given.adapter,
    )
    check_new_file(given.out / "contact_sheet.png", ".png", overwrite=given.overwrite)
    check_device(given.device)
    model = mne_brainae.read_brainae(given.model)
    prior = read_prior(given.prior)
    if "device" in prior.get_params():
        prior.set_params(device=given.device)
    low_level = given.low_level and read_picture_decoder(given.low_level)
    epochs = mne_brainae.average_repetitions(
        read_epochs(given.epochs), picks=model.info_["ch_names"]
    )
    how = _how_to_paint(given) | {"low_level": low_level}
    generated = generate_pictures(model, epochs, prior, n_images=given.n_images, **how)
    generated.save(given.out / "pictures")
    is_shown = given.sheet == "with-stimuli"
    sheet = generated.contact_sheet(given.stimuli if is_shown else None)
    _save_picture(sheet, given.out / "contact_sheet.png")
    protocol = {"model": str(model), **generated.protocol}
    if given.score:
        scores = score_beside_controls(
            generated,
            model,
            epochs,
            prior,
            given.stimuli,
            networks="paper" if given.networks == ["paper"] else given.networks,
            device=given.device,
            **how,
        )
        _save_text(scores.table.to_csv(), given.out / "scores.csv")
        protocol |= scores.protocol
        table = scores.table.drop(columns="better")
        print(as_text(table.astype(float).round(3)))
        print(NOTE_ON_CONTROLS)
    _save_text(json.dumps(protocol, indent=1, default=str), given.out / "protocol.json")
    print(f"Saved {len(generated)} x {given.n_images} pictures in {given.out}")


def _how_to_paint(given: argparse.Namespace) -> dict:
    from mne_brainae.generation import load_pipeline
    from mne_brainae.generation.pipeline import PIPELINES

    published = PIPELINES.get(given.pipeline, PIPELINES["sdxl-turbo"])
    return {
        "pipeline": load_pipeline(
            given.pipeline,
            adapter=given.adapter,
            device=given.device,
            offload=given.offload,
        ),
        "n_steps": published.n_steps if given.steps is None else given.steps,
        "guidance": published.guidance if given.guidance is None else given.guidance,
        "strength": given.strength,
        "batch_size": given.batch_size,
        "random_state": given.seed,
    }


# -- the demonstration -----------------------------------------------------------------


def _demonstrate(given: argparse.Namespace) -> None:
    """Decode unseen photographs from V4 neurons, print the scores and a sheet."""
    import pandas as pd

    from ..benchmark.studies.generation import N_FOLDS, decode_photographs
    from ..generation import contact_sheet
    from ..utils.tables import as_text

    tables = {}
    for session in given.session:
        tables[session], rows = decode_photographs(
            session, n_folds=given.folds, size=given.size
        )
        if given.out is not None:
            if given.sheet == "generated-only":
                del rows["stimulus"]
            sheet = contact_sheet(rows)
            _save_picture(sheet, given.out / f"macaque_v4_{session}.png")
    table = pd.concat(tables, names=["session"])
    print(NOTE.format(folds=given.folds, all_folds=N_FOLDS))
    print(as_text(table.drop(columns="better").astype(float).round(3)))
    if given.out is not None:
        _save_text(table.to_csv(), given.out / "macaque_v4.csv")
        print(f"\nDecoded pictures and this table are in {given.out.resolve()}.")


# -- files -----------------------------------------------------------------------------


def _save_picture(picture, path: Path) -> None:
    from ..utils.files import replacing

    with replacing(path) as temporary:
        picture.save(temporary, "PNG", optimize=True)


def _save_text(text: str, path: Path) -> None:
    from ..utils.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")
