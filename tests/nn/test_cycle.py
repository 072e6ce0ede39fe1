"""The objective of MB2C: known answers, limits, and who learns by what."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mne_brainae.nn import cycle
from mne_brainae.nn.cycle import CycleObjective, draw_partners, gradient_penalty, mix
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network

N_ROWS, N_CHANNELS, N_TIMES, N_FEATURES, N_CONCEPTS = 16, 3, 4, 6, 4
ONLY_CONTRAST = dict.fromkeys(LOSS_TERMS, 0.0) | {"contrastive": 1.0}
CONTRAST = {"temperature": 0.07, "learn_temperature": False, "symmetric": True}


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    monkeypatch.setattr(cycle, "N_HIDDEN", 8)
    monkeypatch.setattr(cycle, "N_NOISE", 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def make_network():
    return build_network(
        n_channels=N_CHANNELS,
        n_times=N_TIMES,
        n_image_features=N_FEATURES,
        n_embedding=5,
        brain_encoder="linear",
        brain_decoder=None,
        image_projection="mlp",
    )


def make_objective(**params):
    params = {
        "n_embedding": 5,
        "n_concepts": N_CONCEPTS,
        "cycle": 10.0,
        "adversarial": 1.0,
        "auxiliary": 1.0,
        "mixup": 0.75,
    } | params
    return CycleObjective(ONLY_CONTRAST, **CONTRAST, **params)


def batch():
    return (
        torch.randn(N_ROWS, N_CHANNELS, N_TIMES),
        torch.randn(N_ROWS, N_FEATURES),
        torch.arange(N_ROWS) % N_CONCEPTS,
    )


def test_the_penalty_of_a_linear_critic_is_known():
    weight = torch.tensor([3.0, 0.0, -4.0])
    rows = torch.randn(2, 7, 3)
    found = gradient_penalty(lambda z: z @ weight, *rows)
    assert found.item() == pytest.approx((5 - 1) ** 2)
    unit = gradient_penalty(lambda z: z @ (weight / 5), *rows)
    assert unit.item() == pytest.approx(0, abs=1e-10)


def test_the_penalty_has_a_gradient_for_the_critic():
    critic = nn.Linear(3, 1, bias=False)
    gradient_penalty(lambda z: critic(z)[:, 0], *torch.randn(2, 7, 3)).backward()
    norm = critic.weight.detach().norm()
    expected = 2 * (norm - 1) * critic.weight.detach() / norm
    torch.testing.assert_close(critic.weight.grad, expected)


def test_a_share_of_1_repeats_the_rows_unmixed():
    brain, rows = torch.randn(6, 2, 3), torch.tensor([4, 0])
    partners = torch.tensor([1, 2])
    whole = mix(brain, rows, partners, 1.0)
    torch.testing.assert_close(whole, torch.cat([brain, brain[rows]]), rtol=0, atol=0)
    other = mix(brain, rows, partners, 0.0)
    torch.testing.assert_close(other[6:], brain[partners], rtol=0, atol=0)
    half = mix(brain, rows, partners, 0.5)[6:]
    torch.testing.assert_close(half, (brain[rows] + brain[partners]) / 2)


def test_partners_are_of_another_concept():
    concepts = torch.tensor([0, 0, 0, 1, 2, 2])
    rows = torch.arange(6).repeat(100)
    partners = draw_partners(rows, concepts)
    assert (concepts[partners] != concepts[rows]).all()
    assert set(partners[rows == 3].tolist()) == {0, 1, 2, 4, 5}
    alone = draw_partners(torch.tensor([1]), torch.zeros(3, dtype=int))
    assert alone.tolist() == [1]


def test_responses_features_and_labels_are_mixed_alike():
    objective = make_objective()
    brain, image, concept = batch()
    mixed = objective._mix(brain, image, concept)
    assert len(mixed.brain) == len(mixed.image) == len(mixed.labels) == N_ROWS + 12
    assert torch.equal(mixed.brain[:N_ROWS], brain)
    torch.testing.assert_close(mixed.labels.sum(1), torch.ones(N_ROWS + 12))
    # Both sides are the same mixture of the same rows.
    flat = torch.cat([brain.flatten(1), image], 1)
    found = torch.cat([mixed.brain.flatten(1), mixed.image], 1)[N_ROWS:]
    shares = torch.linalg.lstsq(flat.T, found.T).solution.T
    torch.testing.assert_close(shares @ flat, found, rtol=1e-3, atol=1e-3)
    names = F.one_hot(concept, N_CONCEPTS).float()
    torch.testing.assert_close(
        shares @ names, mixed.labels[N_ROWS:], rtol=1e-3, atol=1e-3
    )


def test_validation_is_whole_and_the_same_each_time():
    network, objective = make_network().eval(), make_objective().eval()
    brain, image, _ = batch()
    held_out = torch.full((N_ROWS,), -1)
    one, terms = objective(network, brain, image, concept=held_out)
    other, _ = objective(network, brain, image, concept=held_out)
    assert one == other
    plain = BrainAELoss(ONLY_CONTRAST, **CONTRAST)(network, brain, image)[0]
    torch.testing.assert_close(terms["contrastive"], plain)
    torch.testing.assert_close(one, plain + 10 * terms["cycle"])


def test_a_cycle_that_ends_where_it_began_costs_nothing():
    objective = make_objective()
    for generator in objective.generators.values():
        generator.forward = lambda z: z[:, :5]
    units = F.normalize(torch.randn(2, N_ROWS, 5), dim=2)
    assert objective._cycle(*units).item() == 0
    objective.generators["brain"].forward = lambda z: z[:, :5] + 0.25
    assert objective._cycle(*units).item() == pytest.approx(0.25)


def test_without_its_terms_it_is_the_contrast_alone():
    objective = make_objective(cycle=0.0, adversarial=0.0, auxiliary=0.0, mixup=0.0)
    assert not list(objective.parameters())
    network, (brain, image, concept) = make_network().eval(), batch()
    assert list(objective.preliminary(network, brain, image, concept=concept)) == []
    found, terms = objective(network, brain, image, concept=concept)
    plain = BrainAELoss(ONLY_CONTRAST, **CONTRAST)(network, brain, image)[0]
    assert found == plain
    assert set(terms) == {"contrastive"}


def test_critics_learn_five_times_then_generators_then_encoders():
    network, objective = make_network(), make_objective()
    brain, image, concept = batch()
    generators = {id(each) for each in objective.generators.parameters()}
    critics = {id(each) for each in objective.critics.parameters()}
    updates = []
    for loss, changed in objective.preliminary(network, brain, image, concept=concept):
        loss.backward(inputs=changed)
        updates.append({id(each) for each in changed})
        assert all(each.grad is None for each in network.parameters())
    assert updates == [critics] * 5 + [generators]
    for each in objective.parameters():
        each.grad = None
    objective(network, brain, image, concept=concept)[0].backward()
    assert all(each.grad is not None for each in network.parameters())
    assert all(each.grad is not None for each in objective.generators.parameters())
    assert all(each.grad is None for each in objective.critics.parameters())


def test_the_batch_is_embedded_once():
    network, objective = make_network(), make_objective()
    brain, image, concept = batch()
    calls = []
    network.brain_encoder.register_forward_hook(lambda *given: calls.append(given))
    list(objective.preliminary(network, brain, image, concept=concept))
    objective(network, brain, image, concept=concept)
    assert len(calls) == 1
    objective(network, brain, image, concept=concept)  # of no batch before it
    assert len(calls) == 2


@pytest.mark.parametrize("n_concepts", [None, N_CONCEPTS])
def test_concepts_are_named_where_they_are_known(n_concepts):
    network, objective = make_network(), make_objective(n_concepts=n_concepts)
    brain, image, concept = batch()
    known = {} if n_concepts is None else {"concept": concept}
    assert len(list(objective.preliminary(network, brain, image, **known))) == 6
    heads = [critic.names for critic in objective.critics.values()]
    assert all((head is None) == (n_concepts is None) for head in heads)
    only_naming = make_objective(n_concepts=n_concepts, adversarial=0.0)
    assert only_naming.has_critics == (n_concepts is not None)


def test_every_parameter_has_one_group_and_critics_their_own_step():
    objective = make_objective()
    others, critics = objective.groups()
    assert critics["lr"] == 5e-5
    assert {id(p) for p in critics["params"]} == {
        id(p) for p in objective.critics.parameters()
    }
    together = [id(p) for group in (others, critics) for p in group["params"]]
    assert sorted(together) == sorted(id(p) for p in objective.parameters())


def test_shapes_and_numbers_of_parameters(monkeypatch):
    """Of embeddings of 768 and 1654 concepts, as published."""
    monkeypatch.setattr(cycle, "N_HIDDEN", 900)
    monkeypatch.setattr(cycle, "N_NOISE", 100)
    objective = make_objective(n_embedding=768, n_concepts=1654)

    def size(module):
        return sum(each.numel() for each in module.parameters())

    generator = 868 * 900 + 900 + 900 * 768 + 768
    critic = 768 * 900 + 900 + 900 + 1 + 900 * 1654 + 1654
    assert [size(each) for each in objective.generators.values()] == [generator] * 2
    assert [size(each) for each in objective.critics.values()] == [critic] * 2
    made = objective._made(torch.randn(2, 768))
    assert made["image"].shape == made["brain"].shape == (2, 768)
    assert made["image"].abs().max() <= 1
