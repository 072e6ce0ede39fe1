"""Images that the package draws itself, and what they hold."""

# License: BSD-3-Clause

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from mne.utils import ProgressBar
from PIL import Image
from scipy.ndimage import gaussian_filter, sobel

from ..utils.files import replacing
from ._fetch import cache_dir

SIDE = 128  # pixels
VERSION = 1  # of the drawing; another version draws into another folder

CATEGORIES = ("animal", "food", "vehicle", "tool")

#: Mean and standard deviation of every latent in every category, that is a family of
#: drawings. Hues and angles are in radians, lengths in half images.
APPEARANCE = {
    "hue": ((0.7, 0.5), (1.9, 0.8), (4.0, 0.7), (5.3, 0.6)),
    "saturation": ((0.45, 0.1), (0.7, 0.1), (0.6, 0.12), (0.2, 0.08)),
    "lightness": ((0.5, 0.06), (0.6, 0.06), (0.5, 0.08), (0.4, 0.08)),
    "size": ((0.43, 0.06), (0.48, 0.07), (0.42, 0.06), (0.36, 0.05)),
    "elongation": ((0.2, 0.08), (0.0, 0.06), (0.4, 0.08), (0.7, 0.1)),
    "tilt": ((0.0, 0.15), (0.0, 0.3), (0.0, 0.08), (0.7, 0.3)),
    "pointedness": ((0.1, 0.03), (0.06, 0.03), (0.14, 0.04), (0.1, 0.04)),
    "n_corners": ((7.0, 1.5), (5.0, 1.2), (4.0, 0.4), (2.0, 0.6)),
    "texture_octave": ((3.4, 0.25), (2.5, 0.3), (2.8, 0.3), (3.7, 0.25)),
    "texture_angle": ((1.2, 0.5), (0.4, 0.6), (0.0, 0.4), (2.3, 0.5)),
    "texture_contrast": ((0.45, 0.1), (0.35, 0.08), (0.45, 0.08), (0.45, 0.1)),
}

#: Discs beside the body: place in half axes of the body, radius as a share of its size.
PARTS = {
    "animal": ((1.0, 0.9, 0.45), (-0.6, -1.0, 0.22), (0.5, -1.0, 0.22)),
    "food": (),
    "vehicle": ((-0.6, -1.0, 0.36), (0.6, -1.0, 0.36)),
    "tool": ((1.0, 0.0, 0.8),),
}

_y, _x = np.mgrid[1 : -1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)


@dataclass(frozen=True)
class ImageSet:
    """The images of one simulated experiment.

    Parameters
    ----------
    folder : Path
        The folder that holds ``images`` and ``templates``.
    concepts : DataFrame, shape (n_concepts, n_latents + 2)
        Appearance, category and partition, indexed by concept.
    shown : DataFrame, shape (n_images, 4)
        Image, concept, category and partition of the images that are shown.
    """

    folder: Path
    concepts: pd.DataFrame
    shown: pd.DataFrame


def draw_images(
    n_train_concepts: int,
    n_test_concepts: int,
    n_exemplars: int,
    n_templates: int,
    seed: int,
    path: str | Path | None,
) -> ImageSet:
    """Draw the images of an experiment, or find them where they were drawn before.

    Parameters
    ----------
    n_train_concepts, n_test_concepts : int
        Numbers of concepts; the two sets are disjoint.
    n_exemplars : int
        Images per training concept. A test concept shows one.
    n_templates : int
        Images per test concept that are never shown.
    seed : int
        The seed of all appearances.
    path : path-like | None
        The folder in which sets of images lie, each in a sub-folder named after a
        hash of the other arguments. None takes the package's folder in ``MNE_DATA``.

    Returns
    -------
    images : instance of ImageSet
        The images. Only files that are missing are drawn.
    """
    numbers = (n_train_concepts, n_test_concepts, n_exemplars, n_templates, seed)
    key = json.dumps([VERSION, *map(int, numbers)])
    digest = hashlib.sha256(key.encode()).hexdigest()
    folder = Path(path) if path is not None else cache_dir("simulated")
    folder = folder.expanduser() / digest[:12]
    concepts = draw_concepts(n_train_concepts, n_test_concepts, seed)
    shown = []
    table = list(concepts.to_dict("index").items())
    for number, (concept, latents) in enumerate(ProgressBar(table, mesg="Images")):
        is_train = latents["partition"] == "train"
        n_shown = n_exemplars if is_train else 1
        n_drawn = n_shown + (0 if is_train else n_templates)
        for exemplar in range(n_drawn):
            image = f"{concept}/{concept}_{exemplar + 1:02d}.png"
            kind = "images" if exemplar < n_shown else "templates"
            if not (folder / kind / image).is_file():
                rng = np.random.default_rng([seed, 1, number, exemplar])
                _save(folder / kind / image, draw_exemplar(latents, rng))
            if exemplar < n_shown:
                shown.append(
                    (image, concept, latents["category"], latents["partition"])
                )
    columns = ["image", "concept", "category", "partition"]
    return ImageSet(folder, concepts, pd.DataFrame(shown, columns=columns))


def _save(path: Path, picture: np.ndarray) -> None:
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, compress_level=1)


def draw_concepts(n_train: int, n_test: int, seed: int) -> pd.DataFrame:
    """Draw the appearance of every concept, the four categories in turn.

    Parameters
    ----------
    n_train, n_test : int
        How many concepts each partition has.
    seed : int
        The seed.

    Returns
    -------
    concepts : DataFrame, shape (n_train + n_test, n_latents + 2)
        The latents of the concept, its ``category`` and ``partition``, indexed by name.
    """
    rng = np.random.default_rng([seed, 0])
    n_concepts = n_train + n_test
    family = np.arange(n_concepts) % len(CATEGORIES)
    mean, sd = np.moveaxis(np.array(list(APPEARANCE.values()))[:, family], 2, 0)
    # Uniform, so that no concept is an outlier of its family.
    latents = mean + sd * np.sqrt(3) * rng.uniform(-1, 1, mean.shape)
    names = [f"c{i + 1:03d}" for i in range(n_concepts)]
    concepts = pd.DataFrame(latents.T, names, list(APPEARANCE))
    return concepts.assign(
        category=np.array(CATEGORIES)[family],
        partition=["train"] * n_train + ["test"] * n_test,
    )


def draw_exemplar(latents: dict, rng: np.random.Generator) -> np.ndarray:
    """Draw one image of a concept.

    Parameters
    ----------
    latents : dict
        One row of the table of :func:`draw_concepts`.
    rng : instance of Generator
        Where place, size, light, background and details come from.

    Returns
    -------
    image : array of uint8, shape (128, 128, 3)
        The image in sRGB.
    """
    center = rng.uniform(-0.25, 0.25, 2).tolist()
    size = latents["size"] * rng.uniform(0.92, 1.08)
    body, parts = _draw_shape(latents, center, size, rng)
    angle = latents["texture_angle"] + 0.08 * rng.standard_normal()
    wave = math.pi * 2 ** (latents["texture_octave"] + 0.05 * rng.standard_normal())
    phase = wave * (math.cos(angle) * _x + math.sin(angle) * _y) + rng.uniform(
        0, 2 * math.pi
    )
    light = latents["lightness"] + 0.04 * rng.standard_normal()
    surface = light * (1 + latents["texture_contrast"] * np.sin(phase))
    surface = (1 - 0.5 * parts) * surface
    hue = latents["hue"] + 0.08 * rng.standard_normal()
    tint = np.cos(hue - 2 * np.pi / 3 * np.arange(3)).astype(np.float32)
    color = 1 + latents["saturation"] * tint
    slope, direction = rng.uniform(0, 0.15), rng.uniform(0, 2 * math.pi)
    ground = slope * (math.cos(direction) * _x + math.sin(direction) * _y)
    ground += rng.uniform(0.6, 0.85)
    shape = np.maximum(body, parts)[..., None]
    picture = shape * surface[..., None] * color + (1 - shape) * ground[..., None]
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _draw_shape(latents, center, size, rng) -> tuple[np.ndarray, np.ndarray]:
    tilt = latents["tilt"] + 0.08 * rng.standard_normal()
    cos, sin = math.cos(tilt), math.sin(tilt)
    stretch = math.exp(latents["elongation"])
    dx, dy = _x - center[0], _y - center[1]
    along = (cos * dx + sin * dy) / (size * stretch)
    across = (cos * dy - sin * dx) / (size / stretch)
    ripple = np.cos(latents["n_corners"] * np.arctan2(across, along))
    edge = 1 + latents["pointedness"] * ripple
    body = _soft(size * (edge - np.hypot(along, across)))
    parts = np.zeros_like(body)
    for place_along, place_across, radius in PARTS[latents["category"]]:
        distance = size * np.hypot(
            stretch * (along - place_along), (across - place_across) / stretch
        )
        parts = np.maximum(parts, _soft(radius * size / stretch - distance))
    return body, parts


def _soft(inside: np.ndarray) -> np.ndarray:
    """Turn a signed distance into coverage, with an edge of about two pixels."""
    return np.clip(0.5 + inside * SIDE / 4, 0, 1)


def _read_images(folder: Path, images: pd.Series) -> Iterator[np.ndarray]:
    """Yield images at half their size, float32 from 0 to 1, shape (64, 64, 3)."""
    for image in images:
        with Image.open(folder / "images" / image) as picture:
            yield np.asarray(picture.reduce(2), np.float32) / 255


def _measure_image(picture: np.ndarray) -> dict[str, float]:
    """Measure the low-level content of an image.

    Parameters
    ----------
    image : array, shape (64, 64, 3)
        The image in RGB, between 0 and 1.

    Returns
    -------
    content : dict of float
        Contrast and luminance of every quadrant of the visual field (``"contrast
        upper left"``, ...); ``"horizontal"`` and ``"oblique"``, the balance of edge
        energy between orientations; ``"fine"``, its balance between scales; and the
        opponent colors ``"red-green"`` and ``"blue-yellow"``.
    """
    gray = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    smooth = gaussian_filter(gray, 1)
    down, right = sobel(smooth, 0), sobel(smooth, 1)
    edges = np.sqrt(down**2 + right**2)
    content = {}
    for name, part in (("upper", slice(0, 32)), ("lower", slice(32, 64))):
        for side, half in (("left", slice(0, 32)), ("right", slice(32, 64))):
            content[f"contrast {name} {side}"] = edges[part, half].mean()
            content[f"luminance {name} {side}"] = gray[part, half].mean()
    content["horizontal"] = np.abs(down).mean() - np.abs(right).mean()
    content["oblique"] = np.abs(down + right).mean() - np.abs(down - right).mean()
    content["fine"] = np.abs(gray - smooth).mean()
    content["red-green"] = (picture[..., 0] - picture[..., 1]).mean()
    blue = picture[..., 2] - picture[..., :2].mean(axis=-1)
    content["blue-yellow"] = blue.mean()
    return content


def _describe_concepts(concepts: pd.DataFrame) -> pd.DataFrame:
    """Code the appearance of concepts in numbers that vary smoothly.

    Parameters
    ----------
    concepts : DataFrame, shape (n_concepts, n_latents + 2)
        The table of :func:`draw_concepts`.

    Returns
    -------
    codes : DataFrame, shape (n_concepts, 11)
        Hue and direction of the texture as cosine and sine in proportion to their
        strength, and one contrast per category but one.
    """
    codes = concepts[["saturation", "size", "elongation"]].copy()
    codes["texture"] = concepts["texture_octave"]
    for name, angle, radius in (
        ("hue", concepts["hue"], concepts["saturation"]),
        ("texture", 2 * concepts["texture_angle"], concepts["texture_contrast"]),
    ):
        codes[f"{name} cos"] = radius * np.cos(angle)
        codes[f"{name} sin"] = radius * np.sin(angle)
    for category in CATEGORIES[:-1]:
        codes[category] = (concepts["category"] == category).astype(float)
    return codes.astype(float)


def compute_drives(pictures: ImageSet) -> pd.DataFrame:
    """Compute what drives the brain for every image that is shown.

    Parameters
    ----------
    images : instance of ImageSet
        The images.

    Returns
    -------
    drives : DataFrame, shape (n_images, n_drives)
        Low-level content from the pixels and appearance of the concept, centered and
        scaled on the training images, and softly limited as firing rates are.
    """
    shown = pictures.shown
    content = pd.DataFrame(
        [_measure_image(p) for p in _read_images(pictures.folder, shown["image"])]
    )
    codes = _describe_concepts(pictures.concepts).loc[shown["concept"]]
    drives = content.join(codes.reset_index(drop=True))
    train = drives[shown["partition"] == "train"]
    # Few concepts may leave a category out of the training images.
    drives = (drives - train.mean()) / train.std(ddof=0).replace(0, 1)
    return 2 * np.tanh(drives / 2)
