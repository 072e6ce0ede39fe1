"""The measurement of speed, and the precision of products."""

import numpy as np
import pytest
import torch
from building import brain_ae
from mne.utils import catch_logging

import mne_brainae
from mne_brainae.benchmark.studies import precision as precision_study
from mne_brainae.benchmark.studies import speed
from mne_brainae.benchmark.studies.shapes import N_VALIDATION, SHAPES, Shape
from mne_brainae.commands import main
from mne_brainae.models.training import _hardware
from mne_brainae.nn.fast import precision as precision_module
from mne_brainae.nn.fast.computation import choose_computation
from mne_brainae.nn.fast.precision import Precision, multiplies_bf16
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network


def test_a_small_measurement_is_complete():
    """Whether times compare well depends on what else the machine does."""
    before = torch.get_num_threads()
    results = speed.measure(
        "eeg", ["linear"], compare=["reference"], batch=24, rounds=1, memory=True
    )
    assert torch.get_num_threads() == before
    assert results["shape"]["n_channels"] == 63
    (chain,) = results["chains"].values()
    fast, reference = chain["steps"]["fast"], chain["steps"]["reference"]
    assert reference["faster"] == reference["leaner"] == 1.0
    assert fast["leaner"] > 0
    assert fast["operations"] > 0
    assert reference["memory"] > 2 * fast["memory"] > 0
    assert fast["share"] > 0
    updates = (16540 - 740) // 24
    assert chain["epoch"]["updates"] == updates
    assert chain["epoch"]["wall"] > updates * fast["wall"]
    assert set(chain["inference"]) == {1, 200}
    for times in chain["inference"].values():
        assert set(times) >= {"ours", "reference"}
    for one in (chain["one_epoch"], results["one_epoch"]):
        assert set(one) == {"embed_epochs", "LiveDecoder", "retrieve", "predict_evoked"}
        assert min(one.values()) > 0
    assert chain["whole"] is None


def test_whole_epochs_are_trained(monkeypatch):
    """Of a recording as large as its shape says."""
    monkeypatch.setitem(SHAPES, "eeg", Shape(5, 60, N_VALIDATION + 64))
    results = speed.measure("eeg", ["linear"], batch=32, rounds=1, n_epochs=2)
    assert results["epochs"] == 2
    assert results["chains"]["linear"]["whole"] > 0


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.stochastic
def test_bf16_stays_near_float32(inner, native):
    """Rounded factors move losses and gradients a little, float32 parts not at all.

    Processors without instructions for bf16 still multiply it, slowly.
    """
    torch.manual_seed(0)
    network = build_network(
        n_channels=7,
        n_times=61,
        n_image_features=12,
        n_embedding=24,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_projection="linear",
        convolution={"n_kernels": 8, "inner_activation": inner},
    )
    loss = BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.5,
        learn_temperature=False,
        symmetric=True,
    )
    brain, image = torch.randn(64, 7, 61), torch.randn(64, 12)
    exact = choose_computation(network)
    rounded = type(exact)(network, Precision(bf16=True, native=native))
    results = []
    for computation in (exact, rounded):
        total, terms = loss(computation, computation.arrange(brain), image)
        gradients = torch.autograd.grad(total, list(network.parameters()))
        assert all(gradient.dtype == torch.float32 for gradient in gradients)
        results.append((total, terms, gradients))
    (total, terms, gradients), (total_16, terms_16, gradients_16) = results
    assert total != total_16
    for name in LOSS_TERMS:
        torch.testing.assert_close(terms_16[name], terms[name], rtol=0.02, atol=0.005)
    for one, two in zip(gradients, gradients_16, strict=True):
        assert (one - two).norm() < 0.05 * one.norm() + 1e-4
    assert rounded.arrange(brain).samples.dtype == torch.bfloat16


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.stochastic
def test_fits_agree_whatever_the_computation(recording, small, inner):
    """A fit goes the same way in fast and plain form, and nearly so in bf16."""
    settings = small | {"inner_activation": inner, "max_epochs": 4, "min_updates": 1}
    losses = {}
    for computation, precision in [
        ("plain", "float32"),
        ("fast", "float32"),
        ("auto", "bf16"),
    ]:
        model = brain_ae(**settings, computation=computation, precision=precision)
        if precision == "bf16" and not multiplies_bf16(torch.device("cpu")):
            with pytest.warns(RuntimeWarning, match="saves memory but no time"):
                model.fit(*recording)
        else:
            model.fit(*recording)
        losses[precision, computation] = model.history_["validation_total"].to_numpy()
    plain, fast, rounded = losses.values()
    np.testing.assert_allclose(fast, plain, rtol=1e-3)
    np.testing.assert_allclose(rounded, plain, rtol=0.05)
    assert not np.array_equal(rounded, fast)


def test_unsuited_computation_is_refused(recording, small):
    linear = {"brain_encoder": "linear", "brain_decoder": "linear"}
    model = brain_ae(**small, **linear, computation="fast")
    with pytest.raises(ValueError, match="computation='fast' needs the temporal"):
        model.fit(*recording)
    with pytest.raises(ValueError, match="computation"):
        brain_ae(**small, computation="quick").fit(*recording)
    with pytest.raises(ValueError, match="upsampling"):
        brain_ae(**small, upsampling="cubic").fit(*recording)
    with pytest.raises(ValueError, match="precision"):
        brain_ae(**small, precision="fp8").fit(*recording)


@pytest.mark.stochastic
def test_threads_and_settings_are_left_as_they_were(recording, small):
    """A fit on two threads restores PyTorch's number, and repeats itself exactly."""
    short = small | {"max_epochs": 3, "min_updates": 1}
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        models = [brain_ae(**short).fit(*recording) for _ in range(2)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*(m.network_.parameters() for m in models), strict=True):
        assert torch.equal(one, two)


def test_float32_means_float32_on_cuda():
    """Products are not rounded to TF32 in training, whatever is allowed outside."""
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    try:
        products.fp32_precision = "tf32"
        with _hardware(None, torch.device("cuda")):
            assert products.fp32_precision == "ieee"
        assert products.fp32_precision == "tf32"
    finally:
        products.fp32_precision = before


@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_auto_is_bf16_where_it_is_faster(gain, recording, small, monkeypatch):
    """The choice is said, nothing is warned of, and it is that of the same name."""
    monkeypatch.setattr(precision_module, "gain_of_bf16", lambda: gain)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    short = small | {"max_epochs": 2, "min_updates": 1, "verbose": "INFO"}
    with catch_logging() as log:
        found = brain_ae(**short, precision="auto").fit(*recording)
    name = "bf16" if gain > 1 else "float32"
    assert f"Training multiplies in {name}." in log.getvalue()
    same = brain_ae(**short, precision=name).fit(*recording)
    for one, two in zip(*(m.network_.parameters() for m in (found, same)), strict=True):
        assert torch.equal(one, two)
    plain = short | {"brain_encoder": "linear", "brain_decoder": "linear"}
    brain_ae(**plain, precision="auto").fit(*recording)  # has no fast form


def test_products_are_timed_once():
    precision_module.gain_of_bf16.cache_clear()
    assert precision_module.gain_of_bf16() == precision_module.gain_of_bf16() > 0


def test_bf16_is_probed():
    native = multiplies_bf16(torch.device("cpu"))
    assert Precision.named("bf16", torch.device("cpu")).native == native
    assert not multiplies_bf16(torch.device("meta"))
    factor = Precision(bf16=True).factor(torch.tensor([1.0, np.pi]))
    assert factor.dtype == torch.float32
    assert factor.tolist() == [1.0, 3.140625]


def test_losses_of_both_precisions_stand_side_by_side(monkeypatch, capsys):
    data = mne_brainae.datasets.simulate(
        n_train_concepts=8, n_test_concepts=2, n_exemplars=4, random_state=0
    )
    monkeypatch.setattr(precision_study, "simulate", lambda random_state: data)
    monkeypatch.setattr(precision_study.compare_precisions, "__defaults__", (1, None))
    main(["benchmark", "speed", "--seeds", "2"])
    printed = capsys.readouterr().out
    assert "bf16 - float32: " in printed
    table = precision_study.compare_precisions(2, 1)
    assert table.shape == (2, 2)
    np.testing.assert_allclose(table["bf16"], table["float32"], rtol=0.05)
