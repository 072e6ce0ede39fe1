"""Where tensors are: nothing on the host, and nothing read back, in a training step.

No accelerator is needed. The device "meta" stands for one: it has shapes and no
numbers, so that reading one back is an error, as is an operation with a tensor of the
host. Fake tensors say that they are on CUDA, which PyTorch cannot differentiate without
a card.
"""

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from mne_brainae.models.training import Pairs, _update, make_optimizer
from mne_brainae.nn.fast.folded import FoldedComputation
from mne_brainae.nn.fast.frozen import freeze
from mne_brainae.nn.fast.gram import GramComputation
from mne_brainae.nn.fast.precision import Precision
from mne_brainae.nn.losses import LOSS_TERMS, BrainAELoss
from mne_brainae.nn.network import build_network

META, CUDA = torch.device("meta"), torch.device("cuda")
N, BATCH, N_CHANNELS, N_FEATURES = 24, 12, 4, 6
FORMS = {"plain": None, "gram": GramComputation, "folded": FoldedComputation}


class Watch(TorchDispatchMode):
    """Count operations, and refuse copies between devices and numbers read back."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.n += 1
        found = operation(*args, **(kwargs or {}))
        name = str(operation)
        if "_local_scalar_dense" in name:  # the optimizer counts steps on the host
            assert args[0].device.type == "cpu", "a number is read back"
        if "copy" in name and isinstance(found, torch.Tensor):
            first = next(each for each in args if isinstance(each, torch.Tensor))
            source = args[1] if "copy_" in name else first
            if isinstance(source, torch.Tensor) and source.dim():
                assert source.device.type == found.device.type, name
        return found


def make(form: str, n_times: int = 60):
    """Return a network, how it is computed, and its loss, on the current device."""
    network = build_network(
        n_channels=N_CHANNELS,
        n_times=n_times,
        n_image_features=N_FEATURES,
        n_embedding=5,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_projection="linear",
        convolution={
            "n_kernels": 3,
            "kernel_length": 11,
            "inner_activation": form == "folded",
        },
    )
    kind = FORMS[form]
    computation = network if kind is None else kind(network, Precision())
    loss = BrainAELoss(
        dict.fromkeys(LOSS_TERMS, 1.0),
        temperature=0.07,
        learn_temperature=True,
        symmetric=True,
    )
    return network, computation, loss


def step(form: str, n_times: int = 60) -> int:
    """Take one step of training where nothing can be read; return its operations."""
    with META:
        network, computation, loss = make(form, n_times)
        brain, image = torch.randn(N, N_CHANNELS, n_times), torch.randn(N, N_FEATURES)
    pairs = Pairs(computation.arrange(brain), image)
    updates = make_optimizer("adam", network, loss, META, lr=1e-3)
    rows = torch.arange(N, device=pairs.place)
    with Watch() as watch:
        for brain, image, _ in pairs.batches(rows.split(BATCH), META):
            total, _ = loss(computation, brain, image)
            _update(updates, total, None)
    assert total.device == META
    return watch.n


@pytest.mark.parametrize("form", FORMS)
def test_a_step_stays_on_its_device(form):
    assert step(form) > 0


def test_the_watch_sees_what_is_read_back():
    """The tests above would fail on a stray tensor and on a number."""
    there = torch.ones(3, device=META)
    with pytest.raises((RuntimeError, NotImplementedError)):
        (there + torch.ones(3)).sum().item()
    with Watch(), pytest.raises(AssertionError, match="_to_copy"):
        torch.ones(3).to(META)


def test_no_loop_over_pairs_of_coefficients():
    """Twice the coefficients are larger operations on a card, and not more."""
    assert step("gram", 60) == step("gram", 120)


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("precision", [Precision(), Precision(True, True)])
@pytest.mark.parametrize("form", FORMS)
def test_a_fitted_network_on_cuda(form, precision):
    """Kernels are folded, responses embedded and predicted where the network is."""
    with FakeTensorMode():
        with CUDA:
            network, computation, loss = make(form)
            brain, image = torch.randn(N, N_CHANNELS, 60), torch.randn(N, N_FEATURES)
        network.eval()
        frozen = freeze(network, precision)
        with Watch(), torch.inference_mode():
            z_brain, z_image = frozen.embed_brain(brain), frozen.embed_image(image)
            predicted = frozen.decode(z_image)
            total, _ = loss(computation, computation.arrange(brain), image)
        for each in (z_brain, z_image, predicted, total):
            assert each.device.type == "cuda"
        assert predicted.shape == brain.shape


def test_the_fused_optimizer_stays_on_cuda():
    with FakeTensorMode():
        with CUDA:
            network, _, loss = make("plain")
        updates = make_optimizer("adam", network, loss, CUDA, lr=1e-3)
        for each in (*network.parameters(), *loss.parameters()):
            each.grad = torch.ones_like(each)
        updates.step()
        with Watch():
            updates.step()
