"""Weights of layers and versions: the start, the mixing, and what is refused."""

import pytest
import torch
from torch import nn

from mne_brainae.nn.mixture import MixtureProjection


def test_the_start_is_the_mean_of_versions():
    """Equal versions, standardized together, come out as one of them."""
    torch.manual_seed(0)
    one = torch.randn(4, 5)
    stacked = torch.cat([one] * 3, dim=1) / 3**0.5
    for weights in ("shared", "dimension"):
        mixture = MixtureProjection(15, 5, n_versions=3, weights=weights)
        torch.testing.assert_close(mixture(stacked), one)
        assert mixture.logits.shape == (3, 1 if weights == "shared" else 5)
    # Free vectors are 0 at first and take their share of the weight.
    free = MixtureProjection(15, 5, n_versions=3, n_free=2)
    torch.testing.assert_close(free(stacked), one * 3 / 5)


def test_logits_choose_a_version():
    """One logit far above the others takes that version, for every dimension."""
    torch.manual_seed(0)
    image = torch.randn(4, 15)
    mixture = MixtureProjection(15, 5, n_versions=3, start=(-40.0, 0.0, -40.0))
    torch.testing.assert_close(mixture(image), image[:, 5:10] * 3**0.5)
    torch.testing.assert_close(mixture.mixing().sum(0), torch.ones(1))
    per_dimension = MixtureProjection(15, 5, n_versions=3, weights="dimension")
    per_dimension.logits.data[:] = -40.0
    per_dimension.logits.data[[0, 1, 2, 0, 1], range(5)] = 0.0
    expected = image.unflatten(1, (3, 5))[:, [0, 1, 2, 0, 1], range(5)] * 3**0.5
    torch.testing.assert_close(per_dimension(image), expected)


def test_the_start_of_samga():
    """Logits of -|layer - 28| / 4 are the published weights."""
    start = (-2.0, -1.0, 0.0, -1.0, -2.0)
    mixture = MixtureProjection(20, 3, n_versions=5, start=start, n_reduced=2)
    expected = torch.tensor([0.067, 0.183, 0.498, 0.183, 0.067])
    torch.testing.assert_close(mixture.mixing()[:, 0], expected, atol=1e-3, rtol=0)
    image = torch.randn(2, 20)
    rows = image.unflatten(1, (5, 4)) * 5**0.5
    each = [own(mixture.reduce(rows[:, row])) for row, own in enumerate(mixture.own)]
    mixed = sum(w * z for w, z in zip(mixture.mixing(), each, strict=True))
    torch.testing.assert_close(mixture(image), mixed)


def test_the_head_of_multi_blur():
    mixture = MixtureProjection(
        24, 4, n_versions=2, weights="dimension", n_free=4, n_hidden=8, dropout=0.85
    ).eval()
    image = torch.randn(3, 24)
    first, second = mixture.head[0], mixture.head[3]
    mixed = image.unflatten(1, (2, 12)).sum(1) * 2**0.5 / 6
    expected = second(nn.functional.elu(first(mixed)))
    torch.testing.assert_close(mixture(image), expected)
    assert mixture.free.requires_grad
    assert mixture.logits.requires_grad


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_versions": 4}, "equal size"),
        ({"n_versions": 1}, "at least two"),
        ({"n_versions": 3, "weights": "all"}, "'dimension' or 'shared'"),
        ({"n_versions": 3, "start": (0.0, 1.0)}, "one logit for each"),
        ({"n_versions": 3, "n_reduced": 2, "n_hidden": 2}, "one of the two"),
    ],
)
def test_what_does_not_fit_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        MixtureProjection(15, 5, **options)
