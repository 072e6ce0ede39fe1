"""``mne_brainae benchmark speed`` and the precision of products."""

import json

import numpy as np
import pytest
import torch

from mne_brainae.commands import main
from mne_brainae.nn.computation import choose_computation
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network
from mne_brainae.nn.precision import Precision, multiplies_bf16


def test_benchmark_prints_and_writes(tmp_path, capsys):
    """A small run fills the table and the file, and fast is faster than naive."""
    out = tmp_path / "speed.json"
    words = ["--batch", "24", "--rounds", "3", "--chain", "linear", "--memory"]
    before = torch.get_num_threads()
    main(["benchmark", "speed", *words, "--compare", "naive", "--out", str(out)])
    assert torch.get_num_threads() == before
    printed = capsys.readouterr().out
    assert "EEG 63 x 250, batch 24" in printed
    assert "inner_activation=False" in printed
    results = json.loads(out.read_text())
    (chain,) = results["chains"].values()
    fast, naive = chain["steps"]["fast"], chain["steps"]["naive"]
    assert naive["faster"] == 1.0
    assert fast["leaner"] > 2.0  # far more on larger batches
    assert fast["operations"] > 0
    assert naive["memory"] > 2 * fast["memory"] > 0
    assert 0 < fast["share"] < 1.5
    updates = (16540 - 740) // 24
    assert chain["epoch"]["updates"] == updates
    assert chain["epoch"]["wall"] > updates * fast["wall"]
    for times in chain["inference"].values():
        assert 0 < times["ours"] < times["naive"]


def test_benchmark_says_what_it_can_do(capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "speed", "--shape", "fmri"])
    assert "invalid choice: 'fmri'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["benchmark"])


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("native", [True, False])
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


def test_bf16_is_probed():
    native = multiplies_bf16(torch.device("cpu"))
    assert Precision.named("bf16", torch.device("cpu")).native == native
    assert not multiplies_bf16(torch.device("meta"))
    factor = Precision(bf16=True).factor(torch.tensor([1.0, np.pi]))
    assert factor.dtype == torch.float32
    assert factor.tolist() == [1.0, 3.140625]
