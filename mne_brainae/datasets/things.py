"""THINGS: 1,854 concepts, their categories and their 26,107 images."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..utils.bounds import read_numbers
from ..utils.checks import (
    _check_option,
    _validate_type,
    five,
    logger,
    verbose,
    warn,
)
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ._archive import unpack
from ._fetch import fetch_files, locate

NAME = "things"
N_CONCEPTS = 1854
PASSWORD = "MNE_BRAINAE_THINGS_PASSWORD"
LICENSE = "https://osf.io/j6a3m"
CATEGORIES = {27: "category_mat_manual.tsv", 53: "Categories_final_20200131.tsv"}
#: The categories that the paper groups the test concepts into (Figure 3c).
GROUPS = ("animal", "food", "vehicle", "tool")
CLIP_FEATURES = ("clip_l14_test_images.npy", "clip_l14_class_templates.npy")
RULES = ("not the stimulus", "never shown")


@verbose
@fill_doc
def fetch(
    path: str | Path | None = None,
    *,
    images: bool = False,
    things_password: str | None = None,
    verbose=None,
) -> Path:
    """Download the tables of THINGS, and the images for those who have the password.

    Parameters
    ----------
    %(data_path)s
    images : bool
        Fetch and unpack the images, too, about 4.7 GB. They are for research only and
        may not be passed on.
    things_password : str | None
        The password of the images, which stands below their terms at
        https://osf.io/j6a3m: read and accept them first. None takes the environment
        variable ``MNE_BRAINAE_THINGS_PASSWORD``.
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder; the images are in its folder ``object_images``.

    Raises
    ------
    ValueError
        If the archive of images is asked for without its password, or if that password
        is wrong.

    See Also
    --------
    mne_brainae.datasets.things.list_images

    Notes
    -----
    THINGS is by Hebart, Dickter, Kidder et al. (2019), "THINGS: A database of 1,854
    object concepts and more than 26,000 naturalistic object images", PLOS ONE
    14:e0223792.

    Examples
    --------
    >>> mne_brainae.datasets.things.fetch()  # doctest: +SKIP
    """
    folder = locate(NAME, path)
    if images:
        things_password = things_password or os.environ.get(PASSWORD)
        if not things_password:
            raise ValueError(
                f"The images of THINGS are locked. Read their terms at {LICENSE}; if "
                "you accept them, pass the password that stands there as "
                f"things_password=, or set ${PASSWORD}."
            )
    tables = ["things_concepts.tsv", *CATEGORIES.values()]
    fetch_files(NAME, tables, path)
    if images and not (folder / "object_images").is_dir():
        (archive,) = fetch_files(NAME, ["images_THINGS.zip"], path)
        unpacked = folder / "images_THINGS"
        unpack(archive, unpacked, password=things_password)
        (unpacked / "object_images").rename(folder / "object_images")
    return folder


def _table(name: str, path: str | Path | None) -> pd.DataFrame:
    """Read a table that has a row for every concept."""
    (file,) = fetch_files(NAME, [name], path)
    try:
        # No concept is a missing value, whatever its name.
        table = pd.read_csv(file, sep="\t", keep_default_na=False)
    except ValueError as error:
        raise ValueError(f"{file} is not a table ({error}). Fetch it again.") from error
    if len(table) != N_CONCEPTS:
        raise ValueError(
            f"{file} has {len(table)} rows, expected the {N_CONCEPTS} concepts of "
            "THINGS. It is truncated or another table; fetch it again."
        )
    return table


@verbose
@fill_doc
def read_concepts(path: str | Path | None = None, *, verbose=None) -> pd.DataFrame:
    """Read the table of concepts.

    Parameters
    ----------
    %(data_path)s
    %(verbose)s

    Returns
    -------
    concepts : DataFrame, shape (1854, n_columns)
        One row per concept in the order of THINGS, indexed by the unique name that the
        metadata column ``concept`` of the recordings has. ``number`` counts from 1, as
        the recordings do; ``word`` may name several concepts; the other columns are
        those of the file.

    Raises
    ------
    ValueError
        If the table lacks a column.

    See Also
    --------
    mne_brainae.datasets.things.read_categories
    mne_brainae.datasets.things.group_concepts

    Examples
    --------
    >>> mne_brainae.datasets.things.read_concepts().head()  # doctest: +SKIP
    """
    table = _table("things_concepts.tsv", path)
    lacking = {"uniqueID", "Word"} - set(table)
    if lacking:
        raise ValueError(f"The table of concepts lacks {', '.join(sorted(lacking))}.")
    table.insert(0, "number", range(1, len(table) + 1))
    table = table.rename(columns={"uniqueID": "concept", "Word": "word"})
    return table.set_index("concept")


@verbose
@fill_doc
def read_categories(
    path: str | Path | None = None, *, n_categories: int = 27, verbose=None
) -> pd.DataFrame:
    """Read which concept belongs to which categories.

    Parameters
    ----------
    %(data_path)s
    n_categories : ``27`` | ``53``
        Which of the two lists of categories.
    %(verbose)s

    Returns
    -------
    categories : DataFrame of bool, shape (1854, n_categories)
        One row per concept. A concept may be in several categories or in none.

    Raises
    ------
    ValueError
        If the concepts come in another order than in the table of concepts.

    See Also
    --------
    mne_brainae.datasets.things.read_concepts
    mne_brainae.datasets.things.group_concepts

    Examples
    --------
    >>> categories = mne_brainae.datasets.things.read_categories()  # doctest: +SKIP
    """
    _check_option("n_categories", n_categories, tuple(CATEGORIES))
    concepts = read_concepts(path)
    table = _table(CATEGORIES[n_categories], path)
    if "Word" in table and list(table["Word"]) != list(concepts["word"]):
        differing = concepts.index[(table["Word"] != concepts["word"].to_numpy())]
        raise ValueError(
            f"{CATEGORIES[n_categories]} has another order of concepts than "
            f"things_concepts.tsv, beginning with {five(differing)}."
        )
    # Members are 1; the others are 0 in one file and empty in the other.
    members = table.iloc[:, -n_categories:].astype(str).isin(["1", "1.0"])
    return members.set_axis(concepts.index, axis=0)


@verbose
@fill_doc
def group_concepts(
    concepts: Iterable[str] | None = None,
    path: str | Path | None = None,
    *,
    groups: Iterable[str] = GROUPS,
    verbose=None,
) -> pd.Series:
    """Sort concepts into a few categories that share none.

    Parameters
    ----------
    concepts : iterable of str | None
        The concepts, such as those of the test epochs; None takes all.
    %(data_path)s
    groups : iterable of str
        Names of the 27 categories. Animal, food, vehicle and tool are those of the
        paper (Figure 3c).
    %(verbose)s

    Returns
    -------
    groups : Series, shape (n_concepts,)
        The group of every concept that is in exactly one, sorted by group. Concepts in
        none or in several are left out; the log says how many.

    Raises
    ------
    ValueError
        If concepts or groups do not exist in THINGS.

    See Also
    --------
    mne_brainae.datasets.things.read_categories
    mne_brainae.contrast_categories

    Examples
    --------
    >>> groups = mne_brainae.datasets.things.group_concepts(
    ...     ["banana", "truck"]
    ... )  # doctest: +SKIP
    """
    table = read_categories(path)
    concepts = list(table.index if concepts is None else dict.fromkeys(concepts))
    unknown = [name for name in concepts if name not in table.index]
    if unknown:
        raise ValueError(f"These are not concepts of THINGS: {five(unknown)}.")
    groups = list(groups)
    absent = [name for name in groups if name not in table]
    if absent:
        raise ValueError(
            f"groups must be among {', '.join(table)}, got {five(absent)}."
        )
    members = table.loc[concepts, groups]
    n_groups = members.sum(axis=1)
    logger.info(
        f"{(n_groups == 1).sum()} of {len(concepts)} concepts are in one group, "
        f"{(n_groups > 1).sum()} in several, {(n_groups == 0).sum()} in none."
    )
    found = members[n_groups == 1].idxmax(axis=1).rename("group")
    return found[found.map(groups.index).sort_values(kind="stable").index]


@verbose
@fill_doc
def read_clip_features(
    path: str | Path | None = None, *, verbose=None
) -> tuple[np.ndarray, np.ndarray]:
    """Read CLIP features of the 200 test images of THINGS-EEG2, if they are there.

    Parameters
    ----------
    %(data_path)s
        These two files are not downloaded: they come with the code of NICE
        (https://github.com/eeyhsong/NICE-EEG, folder ``dnn_feature``).
    %(verbose)s

    Returns
    -------
    images : array, shape (200, 768)
        Unit embeddings of the test images in CLIP ViT-L/14, one per concept.
    templates : array, shape (200, 768)
        Mean embeddings of other images of the same concepts.

    Raises
    ------
    FileNotFoundError
        If a file of features is missing.

    See Also
    --------
    mne_brainae.read_image_features

    Examples
    --------
    >>> images, templates = (
    ...     mne_brainae.datasets.things.read_clip_features()
    ... )  # doctest: +SKIP
    """
    files = [locate(NAME, path) / name for name in CLIP_FEATURES]
    absent = [file for file in files if not file.is_file()]
    if absent:
        raise FileNotFoundError(
            f"There is no {' and no '.join(map(str, absent))}. Put the features of "
            "https://github.com/eeyhsong/NICE-EEG there under this name."
        )
    pictures, templates = (read_numbers(file).reshape(-1, 768) for file in files)
    return pictures, templates


@checked(folder=[str, os.PathLike])
def list_images(folder: str | Path) -> pd.DataFrame:
    """List the images of THINGS that are in a folder.

    Parameters
    ----------
    folder : path-like
        The folder ``object_images``, with one folder per concept.

    Returns
    -------
    images : DataFrame, shape (n_images, 3)
        The columns ``concept``, ``image`` (the file name) and ``path``, sorted.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist, or has no image.

    See Also
    --------
    mne_brainae.datasets.things.fetch
    mne_brainae.datasets.things.find_templates

    Examples
    --------
    >>> mne_brainae.datasets.things.list_images("object_images")  # doctest: +SKIP
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder of images {folder} does not exist.")
    files = sorted(
        file for file in folder.glob("*/*.jpg") if not file.name.startswith(".")
    )
    if not files:
        raise FileNotFoundError(
            f"There is no image in {folder}, expected files such as "
            "aardvark/aardvark_01b.jpg."
        )
    return pd.DataFrame(
        {
            "concept": [file.parent.name for file in files],
            "image": [file.name for file in files],
            "path": files,
        }
    )


@verbose
@fill_doc
def find_templates(
    images: str | Path,
    test: mne.BaseEpochs | pd.DataFrame,
    *,
    rule: str = "not the stimulus",
    shown: pd.DataFrame | None = None,
    verbose=None,
) -> dict[str, list[Path]]:
    """Find the images that may stand for the concepts of a test.

    Parameters
    ----------
    images : path-like
        The folder ``object_images`` of THINGS.
    test : instance of Epochs | DataFrame
        The test epochs or their metadata, with the columns ``image`` and ``concept``.
    rule : ``"not the stimulus"`` | ``"never shown"``
        Take all images of a concept but those of the test, or only those that the
        participant never saw. The two differ for THINGS-MEG and TVSD, where other
        images of the test concepts were shown.
    shown : DataFrame | None
        For ``"never shown"``: what ``shown_images`` of the data set returns.
    %(verbose)s

    Returns
    -------
    templates : dict of list of Path
        The images of every concept, to be given to
        :meth:`mne_brainae.BrainAE.classify`. Concepts without any are not in it, and a
        warning counts and names them; classify the epochs of the others.

    Raises
    ------
    ValueError
        If metadata or ``shown`` are missing, or no concept has a template.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.shown_images
    mne_brainae.BrainAE.classify

    Examples
    --------
    >>> templates = mne_brainae.datasets.things.find_templates(
    ...     "object_images", test
    ... )  # doctest: +SKIP
    >>> model.classify(averaged, templates)  # doctest: +SKIP
    """
    _check_option("rule", rule, RULES)
    _validate_type(test, (mne.BaseEpochs, pd.DataFrame), "test")
    table = test if isinstance(test, pd.DataFrame) else test.metadata
    lacking = {"image", "concept"} - set([] if table is None else table)
    if lacking:
        raise ValueError(
            f"test lacks the metadata columns {', '.join(sorted(lacking))}."
        )
    if rule == "never shown" and shown is None:
        raise ValueError(
            "rule='never shown' needs shown=, what shown_images of the data set "
            "returns."
        )
    forbidden = set(table["image"])
    if rule == "never shown":
        forbidden |= set(shown["image"])
    wanted = list(dict.fromkeys(table["concept"]))
    found = list_images(images)
    allowed = found[~found["image"].isin(forbidden)]
    templates = {
        concept: list(allowed["path"][allowed["concept"] == concept])
        for concept in wanted
    }
    empty = [concept for concept, files in templates.items() if not files]
    if empty:
        warn(
            f"{len(empty)} of {len(wanted)} concepts have no template under the rule "
            f"{rule!r}: {five(empty)}."
        )
    counts = [len(files) for files in templates.values() if files]
    if not counts:
        raise ValueError(f"No concept has a template in {images} under {rule!r}.")
    logger.info(
        f"Templates: {min(counts)} to {max(counts)} images of each of {len(counts)} "
        f"concepts, {rule}."
    )
    return {concept: files for concept, files in templates.items() if files}
