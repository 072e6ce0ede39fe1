"""The objective of BraVL against closed forms and PyTorch's own distributions."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from mne_brainae.nn.gaussian import (
    SIGMA,
    Gaussian,
    GaussianDecoder,
    GaussianEncoder,
    divergence,
    log_likelihood,
    product,
)
from mne_brainae.nn.multimodal import (
    MixtureObjective,
    beta_of,
    chunks,
    lower_bound,
    mismatches,
    moved,
    share_rows,
    subsets,
    upper_bound,
)
from mne_brainae.nn.network import build_network

N_ROWS, N_CHANNELS, N_TIMES, N_FEATURES, N_TEXT, N_EMBEDDING = 30, 3, 4, 6, 5, 2
N_HIDDEN = 8


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def gaussian(*shape):
    return Gaussian(torch.randn(shape), torch.randn(shape))


def normal(each, n_event=1):
    return Independent(Normal(each.mean, (each.log_variance / 2).exp()), n_event)


def make_network():
    part = {"gaussian": {"n_hidden": N_HIDDEN}}
    return build_network(
        n_channels=N_CHANNELS,
        n_times=N_TIMES,
        n_image_features=N_FEATURES,
        n_embedding=N_EMBEDDING,
        brain_encoder=part,
        brain_decoder=part,
        image_projection=part,
    )


def make_objective(n_text=N_TEXT, **options):
    return MixtureObjective(
        n_image_features=N_FEATURES,
        n_text_features=n_text,
        n_brain=N_CHANNELS * N_TIMES,
        n_embedding=N_EMBEDDING,
        n_hidden=N_HIDDEN,
        **{"n_samples": 4} | options,
    )


def batch():
    return (
        torch.randn(N_ROWS, N_CHANNELS, N_TIMES),
        torch.randn(N_ROWS, N_FEATURES),
        torch.randn(N_ROWS, N_TEXT),
    )


# -- Gaussians -------------------------------------------------------------------------


def test_divergence_is_that_of_pytorch_and_of_samples():
    one = gaussian(7, 4)
    prior = Independent(Normal(torch.zeros(7, 4), torch.ones(7, 4)), 1)
    torch.testing.assert_close(divergence(one), kl_divergence(normal(one), prior))
    z = normal(one).sample((20_000,))
    sampled = (one.log_density(z) - prior.log_prob(z)).mean(0)
    torch.testing.assert_close(divergence(one), sampled, rtol=0.05, atol=0.05)
    assert divergence(Gaussian(torch.zeros(1, 4), torch.zeros(1, 4))).item() == 0


def test_density_is_that_of_pytorch():
    one, points = gaussian(7, 4), torch.randn(5, 7, 4)
    torch.testing.assert_close(one.log_density(points), normal(one).log_prob(points))


@pytest.mark.parametrize("with_prior", [False, True])
def test_a_product_of_experts_is_the_product_of_densities(with_prior):
    """On points of a line the product differs from the result by a constant alone."""
    experts = [gaussian(1, 1) for _ in range(3)]
    found = product(experts, with_prior=with_prior)
    line = torch.linspace(-3, 3, 50)[:, None, None]
    factors = sum(each.log_density(line) for each in experts)
    if with_prior:
        factors = factors + Gaussian(torch.zeros(1, 1), torch.zeros(1, 1)).log_density(
            line
        )
    rest = factors - found.log_density(line)
    torch.testing.assert_close(rest, rest[:1].expand_as(rest), rtol=1e-4, atol=1e-3)


def test_one_expert_is_its_own_product():
    one = gaussian(3, 2)
    for part, given in zip(product([one]), one, strict=True):
        torch.testing.assert_close(part, given)


def test_likelihood_without_decoding_is_that_with_it():
    decoder, z = GaussianDecoder(2, (3, 4), n_hidden=8), torch.randn(5, 7, 2)
    rows = torch.randn(7, 3, 4)
    expected = torch.stack([log_likelihood(rows, decoder(each)) for each in z])
    found = decoder.log_likelihood(z, decoder.measure(rows))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    by_pytorch = Normal(decoder(z[0]), SIGMA).log_prob(rows).flatten(1).sum(1)
    torch.testing.assert_close(expected[0], by_pytorch, rtol=1e-4, atol=1e-4)


# -- sets, chunks, mismatches ----------------------------------------------------------


def test_sets_of_modalities_and_their_mismatches():
    assert len(subsets("bit")) == 7
    assert len(subsets("bi")) == 3
    assert len(mismatches("bit")) == 6
    assert mismatches("bi") == [("b",), ("i",)]
    assert mismatches("i") == []


@pytest.mark.parametrize("n_rows", [3, 7, 20, 1024])
@pytest.mark.parametrize("n_parts", [1, 3, 7])
def test_chunks_cover_the_batch_in_order(n_rows, n_parts):
    rows = list(range(n_rows))
    parts = [rows[part] for part in chunks(n_rows, n_parts)]
    assert [row for part in parts for row in part] == rows
    assert len(parts) == n_parts
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_chunks_of_rows_come_from_one_product_each():
    products = [Gaussian(torch.full((9, 2), i), torch.full((9, 2), -i)) for i in (0, 1)]
    joint = share_rows(products)
    assert joint.mean[:, 0].tolist() == [0] * 4 + [1] * 5
    assert joint.log_variance[:, 1].tolist() == [0] * 4 + [-1] * 5


def test_rows_that_stay_or_meet_their_equal_are_no_mismatch():
    mean = torch.tensor([[0.0], [1.0], [1.0], [2.0]])
    assert not moved(mean, torch.arange(4)).any()
    assert moved(mean, torch.tensor([0, 2, 1, 3])).tolist() == [False] * 4
    others = moved(mean, torch.tensor([1, 2, 0, 3]))
    assert others.tolist() == [True, False, True, False]


def test_the_order_that_changes_nothing_yields_no_negatives(monkeypatch):
    network, objective = make_network(), make_objective(intra=0.0)
    brain, image, text = batch()
    monkeypatch.setattr(torch, "randperm", torch.arange)
    _, terms = objective(network, brain, image, text=text)
    cost = sum(each for name, each in terms.items() if name.startswith("recon"))
    expected = cost + objective.beta * terms["divergence"]  # nothing but the ELBO
    torch.testing.assert_close(terms["inter"], expected)


# -- bounds ----------------------------------------------------------------------------


def test_bounds_hold_the_evidence_of_a_linear_gaussian_model():
    """x = w z + noise has a known evidence; any posterior gives bounds of it."""
    weights, x = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([0.3, -0.4, 1.1])
    covariance = torch.outer(weights, weights) + SIGMA**2 * torch.eye(3)
    evidence = torch.distributions.MultivariateNormal(torch.zeros(3), covariance)
    q, prior = Normal(0.4, 0.5), Normal(0.0, 1.0)
    z = q.sample((200_000,))
    likelihood = Normal(z[:, None] * weights, SIGMA).log_prob(x).sum(1)
    log_weights = prior.log_prob(z) + likelihood - q.log_prob(z)
    low, high = lower_bound(log_weights), upper_bound(log_weights)
    assert low < evidence.log_prob(x) < high
    assert high - low < 1


def test_the_upper_bound_is_above_the_lower_one_whatever_the_samples():
    log_weights = 10 * torch.randn(40, 100)
    assert (upper_bound(log_weights) >= lower_bound(log_weights)).all()
    same = torch.full((30, 1), -3.0)
    torch.testing.assert_close(upper_bound(same), lower_bound(same))


def test_the_divergence_is_weighted_more_from_epoch_to_epoch():
    assert [beta_of(epoch) for epoch in (0, 1, 50, 100, 400)] == [0, 0.01, 0.5, 1, 1]
    network, objective = make_network(), make_objective(intra=0.0, inter=0.0)
    brain, image, text = batch()
    for epoch in (0, 50):
        objective.begin(epoch)
        total, terms = objective(network, brain, image, text=text)
        cost = total - beta_of(epoch) * terms.pop("divergence")
        torch.testing.assert_close(cost, sum(terms.values()))


# -- the objective ---------------------------------------------------------------------


@pytest.mark.parametrize("n_text", [None, N_TEXT])
def test_without_mutual_information_it_is_a_mixture_of_products(n_text):
    """In evaluation, against PyTorch's distributions and the same noise."""
    network, objective = make_network(), make_objective(n_text, intra=0.0, inter=0.0)
    assert objective.rivals == ()
    assert not list(objective.readers.parameters())
    brain, image, text = batch()
    given = {"brain": brain, "image": image} | ({"text": text} if n_text else {})
    encoders = {"brain": network.brain_encoder, "image": network.image_projection}
    encoders |= dict(objective.encoders)
    decoders = {"brain": network.brain_decoder, **objective.decoders}
    sets = subsets(given)
    noise = torch.randn(
        len(sets), N_ROWS, N_EMBEDDING, generator=torch.Generator().manual_seed(0)
    )
    objective.eval()
    total, terms = objective(network, brain, image, text=text if n_text else None)
    expected = 0.0
    for names, eps in zip(sets, noise, strict=True):
        precision, weighted = float(len(names) == len(given)), 0.0
        for name in names:
            mean, log_variance = encoders[name].posterior(given[name])
            precision = precision + (-log_variance).exp()
            weighted = weighted + mean * (-log_variance).exp()
        q = Independent(Normal(weighted / precision, precision.rsqrt()), 1)
        z = q.base_dist.mean + q.base_dist.stddev * eps
        prior = Independent(Normal(torch.zeros_like(z), 1.0), 1)
        for name, rows in given.items():
            p = Normal(decoders[name](z), SIGMA)
            expected = expected - p.log_prob(rows).flatten(1).sum(1).mean()
        expected = expected + kl_divergence(q, prior).mean()
    torch.testing.assert_close(total, expected / len(sets), rtol=1e-4, atol=1e-3)
    assert set(terms) == {f"recon_{name}" for name in given} | {"divergence"}


def test_validation_is_the_same_each_time_and_has_no_extra_terms():
    network, objective = make_network(), make_objective()
    brain, image, text = batch()
    training = objective(network, brain, image, text=text)[1]
    assert {"intra", "inter"} < set(training)
    objective.eval()
    objective.begin(3)
    one, terms = objective(network, brain, image, text=text)
    other, _ = objective(network, brain, image, text=text)
    assert one == other
    torch.testing.assert_close(one, sum(terms.values()))


def test_images_alone_are_learned_from():
    network, objective = make_network(), make_objective(None)
    _, image, _ = batch()
    total, terms = objective(network, None, image)
    assert set(terms) == {"recon_image", "divergence", "intra"}
    total.backward()
    assert network.image_projection.mean.weight.grad is not None
    assert network.brain_encoder.mean.weight.grad is None


def test_readers_learn_by_an_update_of_their_own():
    network, objective = make_network(), make_objective()
    brain, image, text = batch()
    ((loss, changed),) = objective.preliminary(network, brain, image, text=text)
    assert {id(p) for p in changed} == {id(p) for p in objective.readers.parameters()}
    loss.backward()
    others = [*network.parameters(), *objective.encoders.parameters()]
    assert all(each.grad is None for each in others)
    assert all(each.grad is not None for each in changed)
    assert objective.rivals == (objective.readers,)


def test_shapes_and_numbers_of_parameters():
    """Systems of two hidden layers of 256, a space of 32 and readers of 512."""

    def size(module):
        return sum(each.numel() for each in module.parameters())

    encoder, decoder = GaussianEncoder(561, 32), GaussianDecoder(32, (17, 33))
    hidden = 256 * 256 + 256
    assert size(encoder) == 561 * 256 + 256 + hidden + 2 * (256 * 32 + 32)
    assert size(decoder) == 32 * 256 + 256 + hidden + 256 * 561 + 561
    objective = MixtureObjective(n_image_features=100, n_text_features=512, n_brain=561)
    readers = [n * 512 + 512 + 512 * 32 + 32 for n in (561, 100, 512)]
    assert [size(each) for each in objective.readers.values()] == readers
    brain = torch.randn(4, 17, 33)
    mean, log_variance = encoder.posterior(brain)
    assert mean.shape == log_variance.shape == (4, 32)
    torch.testing.assert_close(encoder(brain), mean)
    assert decoder(mean).shape == (4, 17, 33)
