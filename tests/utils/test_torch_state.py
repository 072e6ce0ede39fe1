"""Whatever is set in the process changes no result, and stays set."""

import threading
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest
import torch
from building import brief_model
from numpy.testing import assert_array_equal

from mne_brainae.models.file import read_model
from mne_brainae.nn.fast.workers import workers
from mne_brainae.utils.torch_state import (
    exact,
    own_random_numbers,
    own_state,
    threads,
)


@contextmanager
def default_type():
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def rounded_products():
    if not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("This PyTorch has no such setting.")
    torch.backends.fp32_precision = "tf32"
    try:
        yield
        assert torch.backends.fp32_precision == "tf32"
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.backends.fp32_precision = "none"
        assert torch.backends.mkldnn.matmul.fp32_precision == "none"


@contextmanager
def autocast():
    with torch.autocast("cpu", torch.bfloat16):
        yield
        assert torch.is_autocast_enabled("cpu")


STATES = {
    "default type": default_type,
    "default device": default_device,
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": autocast,
    "deterministic": deterministic,
    "rounded products": rounded_products,
}


def results(state, kind, recording, file):
    """Fit, read from a file and use a model, all in a state of the process."""
    epochs, features = recording
    with state():
        model = brief_model(kind, device="cpu").fit(epochs, features)
        model.save(file, overwrite=True)
        model = read_model(file, {})
        found = {"image": model.embed_images(features).to_numpy()}
        if hasattr(model, "embed_epochs"):
            found["brain"] = model.embed_epochs(epochs).to_numpy()
        if hasattr(model, "predict_epochs"):
            found["response"] = model.predict_epochs(features, output="array")
    return found


KINDS = ("BrainAE", "LinearBrainAE", "RidgeModel", "ContrastiveDecoder")


@pytest.fixture(scope="module")
def plain(recording, tmp_path_factory):
    file = tmp_path_factory.mktemp("plain") / "model.safetensors"
    return {kind: results(nullcontext, kind, recording, file) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", STATES)
def test_no_state_changes_a_result(state, kind, plain, recording, tmp_path):
    file = tmp_path / "model.safetensors"
    found = results(STATES[state], kind, recording, file)
    assert found.keys() == plain[kind].keys()
    for name, values in found.items():
        assert_array_equal(values, plain[kind][name])


def test_fits_in_threads_take_turns():
    """One seeds the generator of the process while another one draws from it."""
    drawn, both = {}, threading.Barrier(2, timeout=0.2)

    def draw(seed):
        with own_state(), own_random_numbers(seed):
            first = torch.rand(1)
            with suppress(threading.BrokenBarrierError):  # the other one has to wait
                both.wait()
            drawn[seed] = torch.cat([first, torch.rand(3)])

    others = [threading.Thread(target=draw, args=[seed]) for seed in (1, 2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    for seed, values in drawn.items():
        alone = torch.rand(4, generator=torch.Generator().manual_seed(seed))
        assert_array_equal(values, alone)


def test_the_random_numbers_of_the_user_go_on():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    first = torch.rand(2)
    with own_random_numbers(0):
        torch.rand(7)
    assert_array_equal(torch.cat([first, torch.rand(2)]), expected)


@pytest.mark.parametrize("context", [threads, workers])
def test_the_number_of_threads_comes_back(context):
    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt), context(2):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before


def test_products_are_exact_within_autocast():
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.standard_normal((8, 8)).astype(np.float32))
    with torch.autocast("cpu", torch.bfloat16):
        assert (rows @ rows).dtype == torch.bfloat16
        with exact():
            assert (rows @ rows).dtype == torch.float32
