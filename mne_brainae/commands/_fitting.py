"""What the commands that fit are told of the model."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from ..models.recipes import RECIPES


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the recipe, and what it is told."""
    add = parser.add_argument
    add(
        "--recipe", choices=RECIPES, default="best", help="named settings (%(default)s)"
    )
    add("--image-encoder", default="gabor", help="see mne_brainae image-encoders")
    add("--device", default="auto", help="where to compute, such as cuda or cpu")
    add("--picks", nargs="+", help="channels or channel types")


def params_of(given: argparse.Namespace) -> dict:
    """Return the parameters of the model that were given, and refuse impossible ones.

    Parameters
    ----------
    given : instance of Namespace
        What was parsed.

    Returns
    -------
    params : dict
        What :func:`mne_brainae.make_model` takes beside the recipe.
    """
    import mne_brainae

    names = ("image_encoder", "device", "picks")
    params = {name: getattr(given, name) for name in names}
    mne_brainae.make_model(given.recipe, **params).check()
    return params
