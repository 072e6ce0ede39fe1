"""Templates of concepts: images that stand for what was seen, but were not shown."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from ..images.pairing import stem
from ..utils.checks import five
from ..utils.names import as_text, texts


def compute_template_features(
    templates, compute: Callable[..., pd.DataFrame]
) -> pd.DataFrame:
    """Return the image features of the templates of every concept.

    Parameters
    ----------
    templates : path-like | dict | DataFrame
        A folder with one sub-folder per concept, a mapping from concept to images or
        features, or features indexed by ``(concept, image)``.
    compute : callable
        Turns images or features into a DataFrame of features indexed by image.

    Returns
    -------
    features : DataFrame, shape (n_templates, n_features)
        Indexed by ``(concept, image)``.
    """
    if isinstance(templates, pd.DataFrame):
        return _from_table(templates, compute)
    if isinstance(templates, str | Path):
        templates = _sub_folders(Path(templates))
    if not isinstance(templates, Mapping):
        raise TypeError(
            "templates must be a folder with one sub-folder per concept, a mapping "
            "from concept to images, or a DataFrame indexed by (concept, image), got "
            f"{type(templates).__name__}."
        )
    _check_concepts(len(templates))
    tables = {as_text(concept): compute(given) for concept, given in templates.items()}
    empty = [concept for concept, table in tables.items() if not len(table)]
    if empty:
        raise ValueError(f"templates hold no image of the concepts {five(empty)}.")
    return pd.concat(tables, names=["concept", "image"])


def _check_concepts(n_concepts: int) -> None:
    if n_concepts < 2:
        raise ValueError(
            f"templates name {n_concepts} concepts, at least two are needed."
        )


def _from_table(templates: pd.DataFrame, compute) -> pd.DataFrame:
    if templates.index.nlevels != 2:
        raise ValueError(
            "templates as a DataFrame must be indexed by (concept, image), got an "
            f"index of {templates.index.nlevels} level."
        )
    levels = [texts(templates.index.get_level_values(level)) for level in (0, 1)]
    index = pd.MultiIndex.from_arrays(levels, names=["concept", "image"])
    _check_concepts(index.get_level_values("concept").nunique())
    # Two concepts may hold files of one name, so rows are counted, not named, here.
    plain = templates.set_axis([f"row-{i}" for i in range(len(templates))])
    return compute(plain).set_axis(index)


def _sub_folders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder of templates {folder} does not exist.")
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}


def check_templates(
    templates: pd.MultiIndex, shown: pd.Series, concepts: pd.Series
) -> None:
    """Refuse templates that contain an image that the test epochs show.

    Parameters
    ----------
    templates : MultiIndex
        Levels ``concept`` and ``image``.
    shown, concepts : Series, shape (n_epochs,)
        Image and concept of every test epoch.
    """
    pairs = dict.fromkeys(zip(texts(shown), concepts, strict=True))
    seen = {name for name, _ in pairs}
    seen_files = {(concept, stem(name)) for name, concept in pairs}
    clash = [
        name
        for concept, name in zip(*_levels(templates), strict=True)
        if name in seen or (concept, stem(name)) in seen_files
    ]
    if clash:
        raise ValueError(
            "Templates must be images that the test epochs do not show, but these "
            f"are test stimuli: {five(clash)}. Leave them out, or call retrieve "
            "to search among the stimuli themselves."
        )


def _levels(templates: pd.MultiIndex) -> tuple[list[str], list[str]]:
    return tuple(texts(templates.get_level_values(n)) for n in ("concept", "image"))
