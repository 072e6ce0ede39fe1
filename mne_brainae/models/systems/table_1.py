"""The four systems of Table 1."""

# License: BSD-3-Clause

from __future__ import annotations

from ..model import Model
from ..recipes import known_params, make_model, set_by_name
from .linear_encoding import LinearEncodingModel
from .nonlinear_encoding import NonlinearEncodingModel


def encoding_systems(
    *, linear: dict | None = None, alignment: dict | None = None, **params
) -> dict[str, Model]:
    """Return the four columns of Table 1, not yet fitted.

    Parameters
    ----------
    linear : dict | None
        Parameters of :class:`mne_brainae.LinearEncodingModel` alone, such as
        ``dict(n_components=1000, alphas=None)`` for the regression of Gifford et al.
        (2022); None is ridge regression on all features.
    alignment : dict | None
        Parameters of :class:`mne_brainae.BrainAE` alone, such as
        ``dict(temperature=0.05)``.
    **params
        Parameters of all systems that have them, where they differ from
        ``recipe="paper"``.

    Returns
    -------
    systems : dict
        ``"linear"``, ``"nonlinear"``, ``"linear + alignment"`` and ``"nonlinear +
        alignment"``, in the order of the table. With alignment the decoder is trained
        together with the brain encoder by the four losses (equation 5); the decoder of
        the third is one linear layer.

    See Also
    --------
    mne_brainae.RidgeModel
    mne_brainae.LinearEncodingModel
    mne_brainae.NonlinearEncodingModel

    Examples
    --------
    >>> list(mne_brainae.encoding_systems())
    ['linear', 'nonlinear', 'linear + alignment', 'nonlinear + alignment']
    """
    aligned = make_model("paper", **params | (alignment or {}))
    third = make_model("paper", **params | (alignment or {}))
    return {
        "linear": set_by_name(
            LinearEncodingModel(),
            known_params(LinearEncodingModel(), params) | (linear or {}),
        ),
        "nonlinear": _without_alignment(params),
        "linear + alignment": third.set_params(brain_decoder="linear"),
        "nonlinear + alignment": aligned,
    }


def _without_alignment(params: dict) -> NonlinearEncodingModel:
    model = NonlinearEncodingModel(training=make_model("paper").training)
    return set_by_name(model, known_params(model, params))
