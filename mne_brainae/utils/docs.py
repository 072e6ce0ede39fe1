"""Parameter texts that several public functions share, written once."""

# License: BSD-3-Clause

from __future__ import annotations

import re
from collections.abc import Callable

docdict = {
    "axes": """\
axes : instance of Axes | None
    Where to draw; None makes a new figure.""",
    "epochs_images": """\
epochs : instance of Epochs
    The brain responses. ``epochs.metadata`` must have a column ``"image"``, or
    ``"stim_file"`` as BIDS has it, that names the image of every epoch.""",
    "images": """\
images : path-like | list | dict | DataFrame | array | None
    The images. A folder, a list of files or a mapping from name to file (the names
    are those of ``epochs.metadata["image"]``, with or without folder and suffix);
    images as PIL images; or ready features, either a DataFrame indexed by image name
    or an array of shape (n_epochs, n_features). None takes the files of
    ``epochs.metadata["image_path"]``.""",
    "epochs_of_one": """\
epochs : instance of Epochs
    Responses of one subject, whom ``metadata["subject"]`` names.""",
    "subject": """\
subject : str | None
    The subject. None takes it from ``epochs.metadata["subject"]`` where there are
    epochs; otherwise, and where the model does not know it, it is the mean map of the
    group.""",
    "new_images": """\
images : path-like | list | dict | DataFrame | array
    The images, seen or new: one file, a folder, a list of files, a mapping from name
    to file, or PIL images; for a model fitted on ready features such features, as a
    DataFrame indexed by image name or an array of shape (n_images, n_features).""",
    "keep_noise": """\
keep_noise : bool
    Whether the model and its file keep the noise of at most 4,096 single trials, which
    ``sample_epochs`` needs. The log says how large that makes them: four bytes for
    every sample of each trial.""",
    "picks": """\
picks : str | array-like | slice | None
    The channels, by name, type or index; None takes all good data channels. They stay
    in the order of the recording.""",
    "data_set": """\
name : str
    The data set, such as ``"macaque_v4"``.""",
    "data_path": """\
path : path-like | None
    The folder of the data set. None takes the folder named after it in the place that
    the environment variable ``MNE_BRAINAE_DATA`` names, or else in
    ``MNE-brainae-data`` in the data folder of MNE-Python. Missing files are
    downloaded.""",
    "bids_root": """\
bids_root : path-like
    The folder of the BIDS data set.""",
    "overwrite": """\
overwrite : bool
    Whether to write existing files again. Otherwise they are kept, so that a second
    call continues where the first one was stopped.""",
    "partition": """\
partition : ``"train"`` | ``"test"``
    Which part of the experiment.""",
    "window": """\
tmin, tmax : float
    The window in seconds from the onset of the image, both ends included.
baseline : tuple | None
    Beginning and end in seconds of the interval whose mean is subtracted, channel by
    channel. It may lie outside the window.""",
    "band": """\
l_freq, h_freq : float | None
    The edges in hertz of the band-pass filter. Where ``sfreq`` needs a lower low-pass,
    its corner is lowered, and the log says so.
sfreq : float | None
    The sampling frequency in hertz to reduce to, that of the recording divided by a
    whole number; None keeps it. Every onset keeps its exact sample.""",
    "average": """\
average : bool
    Average the repetitions of every image while reading, which needs little more
    memory than the averages take.""",
    "average_and_mvnn": """\
average : bool
    Average the repetitions of every image while reading, which needs little more
    memory than the averages take.
mvnn : instance of MVNN | None
    Whitens single trials, session by session, before they are averaged. Reading the
    training partition fits it; reading the test partition applies the fitted one.""",
    "findings": """\
findings : DataFrame, shape (n_findings, 4)
    The columns ``what``, ``found``, ``expected`` (in a complete participant) and
    ``is_ok``: whether files are complete and have events, the numbers of images and of
    repetitions, and which images exist.""",
    "guesses": """\
k : int
    How many guesses are allowed.""",
    "images_to_check": """\
images : path-like | None
    The folder below which the events name the images, such as ``stimuli`` of the data
    set; None does not look for images.""",
    "new_safetensors": """\
fname : path-like
    The file; its name must end in ``.safetensors``.
overwrite : bool
    Whether an existing file may be replaced.""",
    "network_sizes": """\
n_channels, n_times : int
    Size of one brain response.
n_embedding : int
    Dimension F of the shared space.""",
    "kernel_sizes": """\
n_kernels, kernel_length, pool_length, pool_stride : int
    The sizes k, m1, m2 and s of Table 6.""",
    "output": """\
output : ``"epochs"`` | ``"array"``
    Epochs, or :class:`mne_brainae.datasets.Responses` with a float32 array, which takes
    half the memory.""",
    "raw_and_picks": """\
raw : instance of Raw
    The recording, preferably not loaded.
picks : array of int, shape (n_channels,)
    The channels.""",
    "samples": """\
samples : array, shape (n_matrices, n_samples, n_features)
    The samples of every matrix.""",
    "random_state": """\
random_state : None | int | instance of RandomState
    The seed. One integer gives one result on one machine with one number of threads
    (:func:`torch.get_num_threads`), which divide sums; the global random states of
    NumPy and PyTorch are neither used nor changed.""",
    "axes_of_bands": """\
axes : array of Axes, shape (2 * n_types, n_bands) | None
    Where to draw, measured above predicted for every channel type; None makes a new
    figure.""",
    "axes_of_regions": """\
axes : array of Axes | None
    Where to draw, one for every region; None makes a new figure.""",
    "axes_of_two": """\
axes : array of Axes, shape (2,) | None
    Where to draw, measured beside predicted; None makes a new figure.""",
    "band_and_method": """\
band : str
    The frequency band.
method : ``"pli"`` | ``"wpli"`` | ``"dpli"``
    One of the methods that were computed.""",
    "n_lines": """\
n_lines : int
    How many pairs of channels are joined.""",
    "show": """\
show : bool
    Whether to show the figure.""",
    "sessions": """\
sessions : int | str | sequence | None
    The sessions, such as ``[1, 2]``; None takes all.""",
    "shown": """\
shown : DataFrame, shape (n_images, 4)
    One row per image, with the columns ``image``, ``concept``, ``partition`` and
    ``n_repetitions``, including images that a zero-shot training omits.
    :func:`mne_brainae.datasets.things.find_templates` needs it to omit images that
    were shown.""",
    "similarity": """\
similarity : ``"cosine"`` | ``"encoding"`` | ``"likelihood"`` | None
    Cosine in the shared space, as in the paper; Pearson correlation of the measured
    with the predicted response; or the log-likelihood of the response around the
    prediction, with the covariance of its errors on training images that were held
    out. In the closed form this covariance depends on ``metadata["n_averaged"]``. None
    takes the first of these that the model has.""",
    "transductive": """\
transductive : ``"csls"`` | ``"whiten"`` | None
    Let every score depend on the whole test batch, and say so in the protocol: correct
    similarities for responses and images that are similar to all others, or divide
    embeddings by the covariance of all test responses (``"cosine"`` only).""",
    "zero_shot": """\
zero_shot : bool
    Leave the test concepts out of the training partition, as the paper says. False
    keeps their other images, with a warning: scores are then not zero-shot.""",
    "axes_show": """\
axes : instance of Axes | None
    Where to draw; None makes a new figure.
show : bool
    Whether to show the figure.""",
    "identify": """\
identify : callable
    Takes epochs and returns an :class:`mne_brainae.Identification`, such as
    ``lambda epochs: model.retrieve(epochs, features)``.""",
    "mean_response_hides": """\
mean_response : instance of Evoked
    What replaces the hidden part, such as the mean training response
    ``model.evoked_``. Its channels and times are those of the analysis.""",
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
