"""A model in one line, from epochs or from its file."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping

from ..utils.checks import check_old_file, five, logger, verbose, warn
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.hub import fetch_file, is_address
from .file import read_model
from .group import GroupModel
from .group.recordings import subjects_in
from .hub import WEIGHTS
from .model import Model
from .montage import asks_for_subjects
from .recipes import make_model, set_by_name

#: Recipes that fit a map for each of several subjects.
OF_SUBJECTS = ("best", "linear")


@fill_doc
def fit(epochs, images=None, *, recipe: str = "best", **params) -> Model:
    """Fit a model in one line.

    Parameters
    ----------
    %(epochs_images)s
        With several subjects in ``metadata["subject"]``, or a dict of Epochs by
        subject, ``"best"`` and ``"linear"`` give a :class:`mne_brainae.GroupModel`: a
        map for each subject, in closed form. ``"benchetrit"`` has a layer for each; the
        other recipes average over subjects, and warn.
    %(images)s
    recipe : str
        Named settings: ``"best"`` solves the closed form and trains an autoencoder from
        there for as long as held-out concepts gain by it, a
        :class:`mne_brainae.BrainAE` with ``init``; ``"linear"`` is the closed form
        alone, in seconds, a :class:`mne_brainae.LinearBrainAE`; ``"paper"`` is the
        network of the paper from random weights, as in section 4.2, with the mean
        response subtracted and 740 random images to validate. ``"nice"``, ``"atm"``
        and ``"mb2c"`` are systems of Table 2, which decode only; ``"bravl"`` is another
        one, which predicts responses as well, a :class:`mne_brainae.BraVL`.
        ``"end_to_end"`` is a network from pixels to responses, which predicts only.
        ``"release"`` is the network of the authors' own code, for whitened responses.
        ``"benchetrit"``, ``"multi_blur"``, ``"ubp"``, ``"neurobridge"`` and ``"samga"``
        are other systems that decode only, see :ref:`choosing`.
    **params
        Parameters of the model that differ from the recipe, those of
        :class:`mne_brainae.Training` and :class:`mne_brainae.Losses` by their bare
        names, such as ``max_epochs=10``.

    Returns
    -------
    model : instance of BrainAE | LinearBrainAE | GroupModel | ...
        The fitted model, of the class that the recipe names.

    Raises
    ------
    ValueError
        If the recipe does not exist, a parameter is impossible, or epochs by subject
        are given to a recipe of one recording.

    See Also
    --------
    mne_brainae.make_model : The same model before it is fitted.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    """
    is_dict = isinstance(epochs, Mapping)
    if is_dict or len(subjects_in(epochs)) > 1:
        if recipe in OF_SUBJECTS:
            logger.info("Several subjects: fitting a map for each, in closed form.")
            return set_by_name(GroupModel(), params).fit(epochs, images)
        if is_dict:
            raise ValueError(
                f"epochs by subject need one of the recipes {OF_SUBJECTS}, got "
                f"{recipe!r}, which fits one recording. Use fit_many to fit each of "
                "them."
            )
        model = make_model(recipe, **params)
        if not asks_for_subjects(getattr(model, "brain_encoder", None)):
            warn(
                f"epochs are of several subjects ({five(subjects_in(epochs))}), and "
                f"recipe={recipe!r} treats them as one: their responses to an image "
                f"are averaged. The recipes {OF_SUBJECTS} fit a map for each of them."
            )
    return make_model(recipe, **params).fit(epochs, images)


@checked(parts=[dict, None])
@verbose
def read_brainae(fname, *, parts: dict | None = None, verbose=None) -> Model:
    """Read a model that ``save`` or ``push_to_hub`` wrote.

    Parameters
    ----------
    fname : path-like
        The file; or ``"hf://owner/name"``, a repository of the Hugging Face Hub, with
        ``"@revision"`` after it for a branch, tag or commit. It is downloaded once.
        Private repositories need a token in the environment variable ``HF_TOKEN``.
    parts : dict | None
        The parts of one's own that the model was fitted with, by parameter name:
        modules, which take their weights from the file, or an image encoder.
    verbose : bool | str | int | None
        Control verbosity of the logging output.

    Returns
    -------
    model : instance of the class that was saved
        The fitted model. Nothing in the file is executed.

    Raises
    ------
    ValueError
        If the file is truncated, foreign or of another format version, parts are
        missing, or the Hub has no such names.
    FileNotFoundError
        If there is no such file or repository.
    ConnectionError
        If the Hub cannot be reached.

    See Also
    --------
    mne_brainae.BrainAE.save : Write a file.
    mne_brainae.BrainAE.push_to_hub : Send it to the Hub.

    Examples
    --------
    >>> import mne_brainae
    >>> mne_brainae.read_brainae("sub-01.safetensors")  # doctest: +SKIP
    """
    if is_address(fname):
        fname = fetch_file(fname, WEIGHTS, "fname")
    return read_model(check_old_file(fname, "a model that save wrote"), parts or {})
