"""How many repetitions and candidates a decoding experiment can have."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import binom, hypergeom

from .models.decoding import IdentifiesImages
from .models.linear_gaussian.likelihood import log_density
from .scoring.comparison import rank
from .scoring.result import Result
from .utils.checks import seed_from, verbose, warn
from .utils.constraints import checked
from .utils.docs import fill_doc
from .viz.decoding import plot_plan

#: Models of fewer training concepts promise more than they hold.
FEWEST_CONCEPTS = 100
#: Simulated responses, about; images are repeated until there are so many.
N_RESPONSES = 2000
LEVEL = 0.95


@dataclass(repr=False, eq=False)
class Plan(Result):
    """Expected accuracy against repetitions and gallery.

    Parameters
    ----------
    table : DataFrame, shape (n_sizes, 7)
        One row per number of repetitions ``n_averaged`` and of ``n_candidates``:
        expected ``top_1`` and ``top_5`` (NaN below five candidates), ``chance`` of
        top-1, and ``low`` and ``high``, between which 95 % of the top-1 lie of
        experiments with as many test images as candidates.
    protocol : dict
        What was simulated.

    See Also
    --------
    mne_brainae.plan_experiment
    mne_brainae.viz.plot_plan

    Examples
    --------
    >>> plan = mne_brainae.plan_experiment(model, unseen, [1, 10], random_state=0)
    >>> fig = plan.plot(show=False)
    """

    table: pd.DataFrame
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot expected top-1 against repetitions, a line for every gallery.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure; bands hold 95 % of experiments.

        See Also
        --------
        mne_brainae.viz.plot_plan

        Examples
        --------
        >>> plan = mne_brainae.plan_experiment(model, unseen, [1, 10], random_state=0)
        >>> fig = plan.plot(show=False)
        """
        return plot_plan(self.table, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return "expected accuracy of a decoding experiment"

    def _summary(self) -> pd.DataFrame:
        return self.table.set_index(["n_candidates", "n_averaged"])


@checked(
    model=[IdentifiesImages],
    n_repetitions=["array-like"],
    n_candidates=["array-like", None],
    random_state=["random_state"],
)
@verbose
@fill_doc
def plan_experiment(
    model,
    images,
    n_repetitions: Sequence[int] = (1, 2, 5, 10, 20, 40, 80),
    n_candidates: Sequence[int] | None = None,
    *,
    random_state=None,
    verbose=None,
) -> Plan:
    """Say how well a decoding experiment will do, before it is recorded.

    Responses to the images are simulated in the shared space, z = s z_I + e, with the
    errors e that the model learned from held-out training images and the noise of so
    many repetitions, and identified by their likelihood.

    Parameters
    ----------
    model : instance of LinearBrainAE | BrainAE
        Fitted to responses of the same kind, with repetitions; a pilot will do.
    %(new_images)s
        Such as will be shown, none of which the model was fitted on.
    n_repetitions : sequence of int
        Numbers of repetitions of a test image.
    n_candidates : sequence of int | None
        Sizes of galleries, at most the number of images; None is 10, 50, 200 and all.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    plan : instance of Plan
        Expected accuracies with bands.

    Raises
    ------
    ValueError
        If the model does not know the noise of a single trial.

    See Also
    --------
    mne_brainae.Plan
    mne_brainae.score_averages
    mne_brainae.find_images

    Notes
    -----
    What is planned is the mean over images, people and sessions like those of the fit.
    A model of fewer than 100 concepts is optimistic.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> mne_brainae.plan_experiment(model, new_images).plot()  # doctest: +SKIP
    """
    latent = model._fitted()
    if latent.errors is None or not latent.errors.alpha:
        raise ValueError(
            "Planning needs a model that knows the noise of a trial, as recipes 'best' "
            "and 'linear' learn it from training images that were repeated. Fit one of "
            "these to epochs with repetitions that were not averaged."
        )
    z_image = model.embed_images(images).to_numpy(float)
    n_images, n_axes = len(z_image), len(latent.errors.extra)
    numbers = _check_sizes(n_repetitions, n_candidates, n_images)
    _warn_of_few(latent)
    seed = seed_from(random_state)
    rng = np.random.default_rng(seed)
    expected = latent.errors.slope * z_image[:, :n_axes]
    rows = []
    for m in numbers[0]:
        ranks = _ranks(latent.errors, expected, m, rng)
        rows.extend(_row(ranks, m, size, n_images) for size in numbers[1])
    return Plan(
        pd.DataFrame(rows),
        {
            "task": "retrieval by likelihood, simulated in the shared space",
            "images": f"{n_images}, of which every gallery is drawn",
            "errors": f"along {n_axes} axes, of held-out training images",
            "bands": "95 % of experiments with as many test images as candidates",
            "seed": seed,
        },
    )


def _check_sizes(n_repetitions, n_candidates, n_images: int) -> tuple[list, list]:
    if n_candidates is None:
        n_candidates = sorted({min(n, n_images) for n in (10, 50, 200, n_images)})
    for name, values, most in (
        ("n_repetitions", n_repetitions, np.inf),
        ("n_candidates", n_candidates, n_images),
    ):
        least = 1 if name == "n_repetitions" else 2
        are_whole = [isinstance(n, Integral) and least <= n <= most for n in values]
        wrong = [n for n, whole in zip(values, are_whole, strict=True) if not whole]
        if wrong or not len(values):
            bound = f" and at most {n_images}, the images" if most == n_images else ""
            got = wrong[0] if wrong else "none"
            raise ValueError(
                f"{name} must be whole numbers of at least {least}{bound}, got {got!r}."
            )
    return [int(n) for n in n_repetitions], [int(n) for n in n_candidates]


def _warn_of_few(latent) -> None:
    n_concepts = len(latent.train_images)
    if latent.concepts is not None:
        n_concepts = latent.concepts.n_concepts
    if n_concepts < FEWEST_CONCEPTS:
        warn(
            f"The model was fitted on {n_concepts} concepts. With fewer than "
            f"{FEWEST_CONCEPTS} the plan is too optimistic."
        )


def _ranks(errors, expected: np.ndarray, n_averaged: int, rng) -> np.ndarray:
    """Simulate responses to all images, and return the ranks of the true ones."""
    covariance = errors.covariance(n_averaged)
    root = np.linalg.cholesky(covariance)
    true = np.arange(len(expected))
    ranks = []
    for _ in range(max(N_RESPONSES // len(expected), 1)):
        noise = rng.standard_normal(expected.shape) @ root.T
        similarity = log_density(expected + noise, expected, covariance)
        ranks.append(rank(similarity, true).ranks)
    return np.concatenate(ranks)


def _row(ranks: np.ndarray, n_averaged: int, size: int, n_images: int) -> dict:
    """Return the mean over galleries of one size, without drawing any."""
    beaten_by = hypergeom(n_images - 1, ranks - 1, size - 1)
    top_1 = float(beaten_by.cdf(0).mean())
    low, high = binom.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], size, top_1) / size
    return {
        "n_averaged": n_averaged,
        "n_candidates": size,
        "top_1": top_1,
        "top_5": float(beaten_by.cdf(4).mean()) if size >= 5 else np.nan,
        "chance": 1 / size,
        "low": float(low),
        "high": float(high),
    }
