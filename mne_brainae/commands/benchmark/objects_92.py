"""``mne_brainae benchmark objects_92``: monkey and human IT on the same 92 objects."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

FILE = "Kriegeskorte_Neuron2008_supplementalData.mat"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--path", help=f"the folder of {FILE}; see MNE_BRAINAE_DATA otherwise")
    add("--permutations", type=int, default=10000, help="how often images are dealt")


def run(given: argparse.Namespace) -> None:
    """Correlate both matrices, contrast their categories, and print."""
    from ... import compare_rdms, contrast_categories

    monkey, human, categories = read(given.path)
    options = {"n_permutations": given.permutations, "random_state": 0}
    print("92 objects; published for monkey and human IT: r = 0.49, p < 0.0001\n")
    for method in ("pearson", "spearman"):
        print(compare_rdms(monkey, human, method=method, **options))
    for name, rdm in (("monkey", monkey), ("human", human)):
        print(f"\n{name} IT, 1 is animate")
        print(contrast_categories(rdm, categories, **options))


def read(path=None):
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
    """
    import os
    from pathlib import Path

    import pandas as pd
    from scipy.io import loadmat
    from scipy.spatial.distance import squareform

    if path is None:
        path = Path(os.environ.get("MNE_BRAINAE_DATA", ".")) / "images_92"
    if not (Path(path) / FILE).is_file():
        raise SystemExit(
            f"{FILE} is not in {path}. It is part of the demos of rsatoolbox; name its "
            "folder with --path."
        )
    found = loadmat(Path(path) / FILE, simplify_cells=True)
    names = [f"object-{i:02d}" for i in range(92)]
    monkey, human = (
        pd.DataFrame(squareform(each["RDM"]), index=names, columns=names)
        for each in found["RDMs_mIT_hIT_fig1"]
    )
    return monkey, human, dict(zip(names, found["categoryVectors"][:, 0], strict=True))
