"""A model in one line, from epochs or from its file."""

# License: BSD-3-Clause

from __future__ import annotations

from ..utils.checks import check_old_file, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from .file import read_model
from .model import Model
from .recipes import make_model


@fill_doc
def fit(epochs, images=None, *, recipe: str = "best", **params) -> Model:
    """Fit a model in one line.

    Parameters
    ----------
    %(epochs_images)s
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
    **params
        Parameters of the model that differ from the recipe, those of
        :class:`mne_brainae.Training` and :class:`mne_brainae.Losses` by their bare
        names, such as ``max_epochs=10``.

    Returns
    -------
    model : instance of BrainAE | LinearBrainAE | ContrastiveDecoder | BraVL
        The fitted model.

    See Also
    --------
    mne_brainae.make_model : The same model before it is fitted.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    """
    return make_model(recipe, **params).fit(epochs, images)


@checked(parts=[dict, None])
@verbose
def read_brainae(fname, *, parts: dict | None = None, verbose=None) -> Model:
    """Read a model that ``save`` wrote.

    Parameters
    ----------
    fname : path-like
        The file.
    parts : dict | None
        The parts of one's own that the model was fitted with, by parameter name:
        modules, which take their weights from the file, or an image encoder.
    verbose : bool | str | int | None
        Control verbosity of the logging output.

    Returns
    -------
    model : instance of the class that was saved
        The fitted model. A truncated or foreign file, another format version, and
        missing parts are a ValueError.

    Examples
    --------
    >>> import mne_brainae
    >>> mne_brainae.read_brainae("sub-01.safetensors")  # doctest: +SKIP
    """
    return read_model(check_old_file(fname, "a model that save wrote"), parts or {})
