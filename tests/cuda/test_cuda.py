"""The same on CUDA as on the CPU, within stated tolerances; ``make cuda`` runs it.

Products of float32 are sums of another order there: embeddings and losses agree to
some 1e-5 of their size. Of training, single steps and the first epochs are compared,
since tiny differences grow over many steps.
"""

import numpy as np
import pytest
import torch
from building import brain_ae

import mne_brainae
from mne_brainae.models import training
from mne_brainae.models.training import Pairs, make_optimizer, train
from mne_brainae.nn.fast.computation import choose_computation
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network
from mne_brainae.utils.torch_state import exact

#: Warnings of drivers and of prototypes in PyTorch are no failure of these tests.
pytestmark = [pytest.mark.cuda, pytest.mark.filterwarnings("default")]

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
N, N_CHANNELS, N_TIMES, N_FEATURES = 96, 9, 100, 24
FORMS = [("plain", False), ("plain", True), ("fast", False), ("fast", True)]


def make(inner, dtype=torch.float32):
    """Return the same network, loss and batch whenever it is called."""
    torch.manual_seed(0)
    network = build_network(
        n_channels=N_CHANNELS,
        n_times=N_TIMES,
        n_image_features=N_FEATURES,
        n_embedding=16,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_projection="linear",
        convolution={"n_kernels": 6, "kernel_length": 11, "inner_activation": inner},
    )
    loss = BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.2,
        learn_temperature=True,
        symmetric=True,
    )
    brain, image = torch.randn(N, N_CHANNELS, N_TIMES), torch.randn(N, N_FEATURES)
    return [each.to(dtype) for each in (network, loss, brain, image)]


def losses_and_gradients(device, computation, inner, dtype, precision="float32"):
    network, loss, brain, image = make(inner, dtype)
    network, loss = network.to(device), loss.to(device)
    computed = choose_computation(network, computation, precision, device)
    pairs = Pairs(brain, image)
    pairs.settle(computed, device)
    with exact():
        batch = pairs.take(torch.arange(N, device=pairs.place), device)
        total, terms = loss(computed, *batch[:2])
    gradients = torch.autograd.grad(total, list(network.parameters()))
    return [each.detach().cpu() for each in (total, *terms.values(), *gradients)]


@pytest.mark.parametrize(("computation", "inner"), FORMS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-4)]
)
def test_losses_and_gradients(computation, inner, dtype, tolerance):
    found, expected = (
        losses_and_gradients(device, computation, inner, dtype)
        for device in (CUDA, CPU)
    )
    for one, two in zip(found, expected, strict=True):
        assert (one - two).norm() <= tolerance * (two.norm() + 1e-2)


@pytest.mark.parametrize("inner", [False, True])
def test_rounded_factors_stay_near(inner):
    how = "fast", inner, torch.float32
    found = losses_and_gradients(CUDA, *how, "bf16")
    expected = losses_and_gradients(CPU, *how)
    for one, two in zip(found, expected, strict=True):
        assert (one - two).norm() <= 0.05 * two.norm() + 1e-2


@pytest.mark.parametrize(("computation", "inner"), FORMS)
def test_a_step_waits_for_nothing(computation, inner):
    network, loss, brain, image = make(inner)
    network, loss = network.to(CUDA), loss.to(CUDA)
    computed = choose_computation(network, computation, "float32", CUDA)
    updates = make_optimizer("adam", network, loss, CUDA, lr=1e-3)
    pairs = Pairs(brain, image)
    pairs.settle(computed, CUDA)
    assert pairs.place.type == "cuda"
    rows = torch.randperm(N).to(CUDA)
    for mode in ("default", "error"):  # the first step loads the kernels
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode(mode)
        try:
            for batch_brain, batch_image, _ in pairs.batches(rows.split(32), CUDA):
                total, _ = loss(computed, batch_brain, batch_image)
                training._update(updates, total, None)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def trained(device, monkeypatch, *, on_host=False):
    network, loss, brain, image = make(False)
    if on_host:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    state = train(
        network,
        loss,
        Pairs(brain[:80], image[:80]),
        Pairs(brain[80:], image[80:]),
        batch_size=20,
        max_epochs=3,
        min_epochs=3,
        learning_rate=1e-3,
        betas=(0.5, 0.999),
        seed=0,
        device=device,
    )
    totals = [row["validation_total"] for row in state.history]
    return totals, [each.detach().clone() for each in network.parameters()]


def test_training_goes_the_same_way(monkeypatch):
    expected, _ = trained(CPU, monkeypatch)
    found, weights = trained(CUDA, monkeypatch)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert all(each.device == CPU for each in weights)


def test_batches_from_the_host_are_those_from_the_card(monkeypatch):
    expected, there = trained(CUDA, monkeypatch)
    found, here = trained(CUDA, monkeypatch, on_host=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for one, two in zip(here, there, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def closed_form(recording):
    return mne_brainae.LinearBrainAE(device="cpu", verbose="ERROR").fit(*recording)


@pytest.fixture(params=["trained", "closed form"])
def fitted(request, model, closed_form):
    return {"trained": model, "closed form": closed_form}[request.param]


def near(found, expected, tolerance=1e-4):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).std()


def test_a_fitted_model(fitted, unseen):
    epochs, table = unseen
    moved = fitted.copy().to("cuda")
    assert moved.device_.startswith("cuda")
    assert fitted.device_ == "cpu"
    near(moved.embed_epochs(epochs), fitted.embed_epochs(epochs), 1e-3)
    near(moved.embed_images(table), fitted.embed_images(table), 1e-3)
    predicted = [m.predict_epochs(table, output="array") for m in (moved, fitted)]
    near(*predicted, 1e-3)
    whole = [m.reconstruct(epochs, output="array") for m in (moved, fitted)]
    near(*whole, 1e-3)
    for similarity in fitted.latent_.similarities:
        found, expected = (
            m.retrieve(epochs, table, similarity=similarity) for m in (moved, fitted)
        )
        near(found.similarity[:, :], expected.similarity[:, :], 1e-2)
        assert abs(found.top_k(1) - expected.top_k(1)) <= 2 / len(epochs)
    near(moved.to("cpu").embed_epochs(epochs), fitted.embed_epochs(epochs), 0)


def test_a_model_embeds_in_bf16(model, unseen):
    rounded = model.copy().to("cuda", precision="bf16").embed_epochs(unseen[0])
    near(rounded, model.embed_epochs(unseen[0]), 0.2)


def test_a_file_of_a_model_on_a_card(model, unseen, tmp_path):
    model.copy().to("cuda").save(tmp_path / "model.safetensors")
    read = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert read.device_ == "cpu"
    near(read.embed_epochs(unseen[0]), model.embed_epochs(unseen[0]), 0)


def test_closed_form(closed_form, recording, unseen):
    found = mne_brainae.LinearBrainAE(device="cuda", verbose="ERROR").fit(*recording)
    assert found.n_signal_ == closed_form.n_signal_
    assert found.slope_ == pytest.approx(closed_form.slope_, abs=1e-3)
    predicted = [
        m.predict_epochs(unseen[1], output="array").ravel()
        for m in (found, closed_form)
    ]
    assert np.corrcoef(*predicted)[0, 1] > 0.9999


def test_a_fit_on_a_card(recording, unseen, small):
    """Whole: read, train, judge, embed; it need not end in the same weights."""
    short = small | {"max_epochs": 5, "min_updates": 1}
    here, there = (
        brain_ae(**short, device=device).fit(*recording) for device in ("cpu", "cuda")
    )
    assert there.device_ == "cpu"
    first = [m.history_["validation_total"].iloc[0] for m in (here, there)]
    assert first[1] == pytest.approx(first[0], rel=0.02)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_image_features(precision):
    pytest.importorskip("timm")
    from image_networks import SMALL_VIT, features

    encoder = mne_brainae.ImageEncoder(
        SMALL_VIT, pretrained="random", precision=precision
    )
    found, expected = (
        features(encoder, device=device).to_numpy() for device in ("cuda", "cpu")
    )
    near(found, expected, 1e-2 if precision == "float32" else 0.1)


def test_a_group_on_the_card_predicts_as_on_the_host():
    data = mne_brainae.datasets.simulate_group(
        3,
        n_images=40,
        n_test_images=8,
        n_features=12,
        n_channels=8,
        snr=1.0,
        random_state=0,
        verbose="ERROR",
    )
    group = mne_brainae.GroupModel(verbose="ERROR").fit(data.train, data.features)
    images = data.features.iloc[:5]
    names = (*group.subjects_, None)
    expected = [group.predict_evoked(images, subject=name).data for name in names]
    group.to("cuda")
    assert group.device_.startswith("cuda")
    for name, there in zip(names, expected, strict=True):
        found = group.predict_evoked(images, subject=name).data
        np.testing.assert_allclose(found, there, rtol=1e-3, atol=1e-4 * there.std())
