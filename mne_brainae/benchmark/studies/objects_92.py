"""Monkey and human inferior temporal cortex on the same 92 objects."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from scipy.io import loadmat
from scipy.spatial.distance import squareform

from ... import compare_rdms, contrast_categories
from ...utils.bounds import check_matlab

FILE = "Kriegeskorte_Neuron2008_supplementalData.mat"


PUBLISHED = "r = 0.49, p < 0.0001"


def compare(path=None, *, n_permutations: int = 10_000) -> tuple[list, dict]:
    """Correlate both matrices, and contrast the categories in each.

    Parameters
    ----------
    path : path-like | None
        See :func:`read`.
    n_permutations : int
        How often images are dealt out anew.

    Returns
    -------
    comparisons : list
        By Pearson and by Spearman correlation.
    contrasts : dict
        Of what is animate, by whose cortex it is.
    """
    monkey, human, categories = read(path)
    options = {"n_permutations": n_permutations, "random_state": 0}
    comparisons = [
        compare_rdms(monkey, human, method=method, **options)
        for method in ("pearson", "spearman")
    ]
    contrasts = {
        whose: contrast_categories(rdm, categories, **options)
        for whose, rdm in (("monkey", monkey), ("human", human))
    }
    return comparisons, contrasts


def read(path=None) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Read the matrices that Kriegeskorte et al. (2008) published.

    Parameters
    ----------
    path : path-like | None
        The folder of the file; None takes ``images_92`` in the folder that the
        environment variable ``MNE_BRAINAE_DATA`` names.

    Returns
    -------
    monkey, human : DataFrame, shape (92, 92)
        Dissimilarities in inferior temporal cortex.
    categories : dict
        Whether an object is animate, by its name.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    """
    if path is None:
        path = Path(os.environ.get("MNE_BRAINAE_DATA", ".")) / "images_92"
    if not (Path(path) / FILE).is_file():
        raise FileNotFoundError(
            f"{FILE} is not in {path}. It is part of the demos of rsatoolbox; give its "
            "folder as path."
        )
    found = loadmat(check_matlab(Path(path) / FILE), simplify_cells=True)
    names = [f"object-{i:02d}" for i in range(92)]
    monkey, human = (
        pd.DataFrame(squareform(each["RDM"]), index=names, columns=names)
        for each in found["RDMs_mIT_hIT_fig1"]
    )
    return monkey, human, dict(zip(names, found["categoryVectors"][:, 0], strict=True))
