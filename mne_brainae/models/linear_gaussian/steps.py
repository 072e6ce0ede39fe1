"""The steps of the closed form, and how each is left out for an ablation."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, replace

from ...utils.constraints import integer, options, validate_parameter_constraints

NOISE = ("repetitions", "residuals", "variances")
TARGETS = ("auto", "diagonal", "kronecker")
#: Exact leave-one-out errors are taken everywhere up to so many images.
EXACT_UP_TO = 1000
#: Axes to which the search is confined: one per so many images, within these bounds.
IMAGES_PER_PRIOR, FEWEST_PRIOR, MOST_PRIOR = 250, 30, 50


CONSTRAINTS = {
    "n_functions": [integer(1), None],
    "noise": [options(*NOISE)],
    "target": [options(*TARGETS)],
    "separable": ["boolean"],
    "n_prior": [integer(1), None],
    "own_penalties": ["boolean"],
    "n_anew": [integer(0), None],
    "n_passes": [integer(1), None],
    "shrink": ["boolean"],
    "inflate": ["boolean"],
    "weigh": ["boolean"],
    "errors": [options("auto", "exact", "generalized")],
    "n_folds": [integer(1)],
}


@dataclass(frozen=True)
class Steps:
    """Which steps are done. The defaults are what was best.

    Parameters
    ----------
    n_functions : int | None
        Number of cosines of the time basis; None is 20 per second.
    noise : ``"repetitions"`` | ``"residuals"`` | ``"variances"``
        Where the noise covariance comes from: contrasts of repeated trials (residuals
        where nothing is repeated), leave-one-out residuals, or the variance of each
        coordinate of the responses alone.
    target : ``"auto"`` | ``"diagonal"`` | ``"kronecker"``
        What the covariance of contrasts is shrunk to. ``"auto"`` takes the Kronecker
        product where held-out images are identified better with it.
    separable : bool
        Whether the signal is looked for where a product of channels and times may lie.
    complete : bool
        Whether axes from ridge regression of all samples are added, where held-out
        images show that the others lose much of what can be predicted.
    n_prior : int | None
        Number of axes to which the search is confined; None is one per 250 images, from
        30 to 50. What tells a concept from many others lies along weak axes as well,
        which only many images show.
    own_penalties : bool
        Whether every axis has a ridge penalty of its own.
    n_anew : int | None
        How often the search is repeated with what the axes themselves predict; None is
        twice from 100 images on.
    n_passes : int | None
        How often noise and axes are computed; None is twice, and once where nothing is
        repeated and there are fewer than 60 images.
    shrink : bool
        Whether the prediction is multiplied by its held-out slope.
    inflate : bool
        Whether the noise of new trials along the axes is larger than the noise
        covariance says.
    weigh : bool
        Whether images with more repetitions count more.
    errors : ``"auto"`` | ``"exact"`` | ``"generalized"``
        Whether axes and penalties are chosen by exact leave-one-out errors or by
        generalized cross-validation, which is far faster with many images. ``"auto"``
        is exact up to 1,000 images.
    n_folds : int
        Number of folds over whole concepts.
    """

    n_functions: int | None = None
    noise: str = "repetitions"
    target: str = "auto"
    separable: bool = True
    complete: bool = True
    n_prior: int | None = None
    own_penalties: bool = True
    n_anew: int | None = None
    n_passes: int | None = None
    shrink: bool = True
    inflate: bool = True
    weigh: bool = True
    errors: str = "auto"
    n_folds: int = 5

    def __post_init__(self):
        validate_parameter_constraints(CONSTRAINTS, vars(self), caller_name="Steps")

    def quick(self, target: str) -> Steps:
        """Return the same steps without cross-validation, for a known target."""
        return replace(self, target=target, n_folds=1)

    def priors(self, n_images: int) -> int:
        """Return to how many axes the search is confined for so many images."""
        if self.n_prior is not None:
            return self.n_prior
        return min(max(n_images // IMAGES_PER_PRIOR, FEWEST_PRIOR), MOST_PRIOR)

    def limited(self, n_images: int, most: int) -> Steps:
        """Return the same steps with ``most`` axes at most, for so many images."""
        return replace(self, n_prior=min(self.priors(n_images), most))

    def is_exact(self, n_images: int) -> bool:
        """Tell whether errors are exact for so many images."""
        if self.errors == "auto":
            return n_images <= EXACT_UP_TO
        return self.errors == "exact"

    def anew(self, n_images: int) -> int:
        """Return how often the axes are looked for anew."""
        if self.n_anew is not None:
            return self.n_anew
        return 2 if n_images >= 100 else 0

    def passes(self, n_images: int, repeated: bool) -> int:
        """Return how often noise and axes are computed."""
        if self.n_passes is not None:
            return self.n_passes
        return 2 if repeated or n_images >= 60 else 1
