"""The four systems of Table 1."""

# License: BSD-3-Clause

from __future__ import annotations

from ..brainae import BrainAE
from ..recipes import RECIPES
from .linear_encoding import LinearEncoder
from .nonlinear_encoding import NonlinearEncoder


def encoding_systems(
    *, linear: dict | None = None, alignment: dict | None = None, **params
) -> dict[str, BrainAE]:
    """Return the four columns of Table 1, not yet fitted.

    Parameters
    ----------
    linear : dict | None
        Parameters of :class:`mne_brainae.LinearEncoder` alone, such as
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
    """
    params = RECIPES["paper"] | params
    shared = set(LinearEncoder().get_params()) & set(params)
    own = {name: params[name] for name in shared}
    alone = set(NonlinearEncoder().get_params()) & set(params)
    aligned = params | (alignment or {})
    return {
        "linear": LinearEncoder(**own | (linear or {})),
        "nonlinear": NonlinearEncoder(**{name: params[name] for name in alone}),
        "linear + alignment": BrainAE(**aligned | {"brain_decoder": "linear"}),
        "nonlinear + alignment": BrainAE(**aligned),
    }
