"""Parameter texts that several public functions share, written once."""

# License: BSD-3-Clause

from __future__ import annotations

import re
from collections.abc import Callable

docdict = {
    "epochs_images": """\
epochs : instance of Epochs
    The brain responses. ``epochs.metadata`` must have a column ``"image"`` that names
    the picture of every epoch.""",
    "images": """\
images : path-like | list | dict | DataFrame | array | None
    The pictures. A folder, a list of files or a mapping from name to file (the names
    are those of ``epochs.metadata["image"]``, with or without folder and suffix);
    pictures as PIL images; or ready features, either a DataFrame indexed by image name
    or an array of shape (n_epochs, n_features). None takes the files of
    ``epochs.metadata["image_path"]``.""",
    "new_images": """\
images : path-like | list | dict | DataFrame | array
    The pictures, seen or new: one file, a folder, a list of files, a mapping from name
    to file, or PIL images; for a model fitted on ready features such features, as a
    DataFrame indexed by image name or an array of shape (n_images, n_features).""",
    "picks": """\
picks : str | array-like | slice | None
    The channels, by name, type or index; None takes all good data channels.""",
    "data_path": """\
path : path-like | None
    The folder of the data set. None takes the folder named after it in the place that
    the environment variable ``MNE_BRAINAE_DATA`` names, or else in
    ``MNE-brainae-data`` in the data folder of MNE-Python. What is not there is
    downloaded.""",
    "random_state": """\
random_state : None | int | instance of RandomState
    The seed. One integer gives one result on one machine; the global random states of
    NumPy and PyTorch are neither used nor changed.""",
    "similarity": """\
similarity : ``"cosine"`` | ``"encoding"`` | ``"likelihood"``
    Cosine in the shared space, as in the paper; Pearson correlation of the measured
    with the predicted response; or the log-likelihood of the response's embedding
    around the picture's, with the covariance of their difference on training images
    that were held out (with ``init="ridge"``, left out).""",
    "verbose": """\
verbose : bool | str | int | None
    Control verbosity of the logging output, as everywhere in MNE-Python.""",
}


def fill_doc(function: Callable) -> Callable:
    """Replace ``%(name)s`` in a docstring by the shared text of that name."""

    def fill(match: re.Match) -> str:
        indent, name = match.groups()
        return "\n".join(
            indent + line if line else line for line in docdict[name].split("\n")
        )

    function.__doc__ = re.sub(
        r"^( *)%\((\w+)\)s$", fill, function.__doc__ or "", flags=re.MULTILINE
    )
    return function
