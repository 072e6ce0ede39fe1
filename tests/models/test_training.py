"""The training loop by itself, and what it is told to optimize by."""

import pytest
import torch
from torch import nn

from mne_brainae.models.training import Loop, Pairs, make_optimizer, train
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss, Objective
from mne_brainae.nn.network import build_network

SIZE = {"n_channels": 3, "n_times": 8, "n_image_features": 5, "n_embedding": 4}


def _loop(losses, **settings):
    """Run a loop whose validation returns given losses; weight = epoch + 1."""
    learned = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(learned.weight)
    optimizer = torch.optim.SGD(learned.parameters(), lr=0.1)
    loop = Loop(learned, optimizer, torch.Generator(), **settings)

    def learn(epoch):
        nn.init.constant_(learned.weight, epoch + 1)
        return {"train_total": 0.0}

    def validate():
        return {"validation_total": losses[int(learned.weight.detach())]}

    return loop.run(learn, validate), float(learned.weight.detach())


def test_patience_ends_training_and_the_best_weights_are_kept():
    losses = [9.0, 5.0, 3.0, 4.0, 4.0, 4.0, 1.0]
    state, weight = _loop(losses, max_epochs=6, patience=2)
    assert (state.best_epoch, state.epoch, weight) == (1, 4, 2.0)
    state, weight = _loop(losses, max_epochs=6, patience=4)
    assert (state.best_epoch, state.epoch, weight) == (5, 6, 6.0)
    state, weight = _loop(losses, max_epochs=6, min_epochs=6, patience=1)
    assert (state.best_epoch, weight) == (5, 6.0)


def test_the_start_may_be_the_best():
    losses = [0.5, 5.0, 3.0, 4.0]
    state, weight = _loop(losses, max_epochs=3, start_counts=True)
    assert (state.best_epoch, state.best_loss, weight) == (-1, 0.5, 0.0)
    state, weight = _loop(losses, max_epochs=3)
    assert (state.best_epoch, weight) == (1, 2.0)


def test_a_loss_that_is_not_finite_is_said():
    with pytest.raises(RuntimeError, match="became nan in epoch 1"):
        _loop([1.0, 1.0, float("nan")], max_epochs=3)


def _train(**settings):
    torch.manual_seed(0)
    network = build_network(
        **SIZE,
        brain_encoder="linear",
        brain_decoder="linear",
        image_projection="linear",
        convolution={},
    )
    loss = BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.1,
        learn_temperature=True,
        symmetric=True,
    )
    pairs = [Pairs(torch.randn(n, 3, 8), torch.randn(n, 5)) for n in (32, 16)]
    state = train(
        network,
        loss,
        *pairs,
        batch_size=16,
        max_epochs=3,
        min_epochs=3,
        learning_rate=1e-2,
        betas=(0.9, 0.999),
        seed=0,
        device=torch.device("cpu"),
        **settings,
    )
    assert len(state.history) == 3
    return network


def test_optimizers_differ_by_their_weight_decay():
    """Without decay both are Adam; with it they differ from Adam and one another."""
    plain, same = _train(), _train(optimizer="adamw")
    for one, other in zip(plain.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
    weights = {
        name: _train(optimizer=name, weight_decay=0.5).image_projection.weight
        for name in ("adam", "adamw")
    }
    start = plain.image_projection.weight
    assert not torch.equal(weights["adam"], start)
    assert not torch.equal(weights["adamw"], start)
    assert not torch.equal(weights["adam"], weights["adamw"])


def test_the_temperature_has_no_weight_decay():
    network, loss = nn.Linear(2, 2), Objective()
    loss.weight = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer(
        "adamw", network, loss, torch.device("cpu"), lr=1.0, weight_decay=0.5
    )
    before = [each.detach().clone() for each in (network.weight, loss.weight)]
    for parameter in (*network.parameters(), *loss.parameters()):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(network.weight, before[0] / 2)
    assert torch.equal(loss.weight, before[1])


class _Duel(Objective):
    """A loss with a rival, which records what changed before each of its calls."""

    def __init__(self):
        super().__init__()
        self.rival = nn.Linear(5, 1)
        self.seen, self.epochs = [], []

    @property
    def rivals(self):
        return (self.rival,)

    def begin(self, epoch):
        self.epochs.append(epoch)

    def groups(self):
        self.group = {"params": list(self.rival.parameters()), "lr": 0.1}
        return [self.group]

    def preliminary(self, network, brain, image, **known):
        before = [each.detach().clone() for each in network.parameters()]
        for _ in range(2):
            old = self.rival.weight.detach().clone()
            yield self.rival(image).square().mean(), list(self.rival.parameters())
            assert not torch.equal(self.rival.weight, old)
        assert all(map(torch.equal, before, network.parameters()))
        self.fought = self.rival.weight.detach().clone()

    def forward(self, network, brain, image, seen=None, **known):
        if self.training:
            self.seen.append((brain is None, len(image), *known))
            assert torch.equal(self.rival.weight, self.fought)
        z = network.embed_image(image)
        total = (z * self.rival(image)).mean() + z.square().mean()
        return total, {}


def test_rivals_learn_in_updates_of_their_own_and_images_without_responses_first():
    torch.manual_seed(0)
    network = build_network(
        n_channels=3,
        n_times=8,
        n_image_features=5,
        n_embedding=4,
        brain_encoder="linear",
        brain_decoder=None,
        image_projection="linear",
    )
    pairs = [
        Pairs(torch.randn(n, 3, 8), torch.randn(n, 5), known={"label": torch.zeros(n)})
        for n in (16, 8)
    ]
    loss = _Duel()
    train(
        network,
        loss,
        *pairs,
        batch_size=8,
        max_epochs=2,
        min_epochs=2,
        learning_rate=1e-2,
        betas=(0.9, 0.999),
        seed=0,
        device=torch.device("cpu"),
        schedule=((1, 0.5),),
        unpaired=Pairs(None, torch.randn(5, 5)),
    )
    assert loss.group["lr"] == 0.05  # half of its own, not of the network's
    assert loss.epochs == [0, 1]
    assert loss.seen == 2 * [(True, 5), *2 * [(False, 8, "label")]]
