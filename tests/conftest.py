"""Settings and small recordings that several tests share."""

import hashlib
import json
import os
import shutil
from pathlib import Path

# Two test processes on two cores: one thread each, or they wait for one another. The
# environment may ask for more, as .ci/run does.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import mne
import numpy as np
import pandas as pd
import pytest
import torch
from evidence import DATA, need

from mne_brainae.datasets import _fetch
from mne_brainae.datasets._download import ResumingDownloader

REAL_DOWNLOAD = ResumingDownloader.__call__

TOLERATED = (
    # MNE-Python sets an index in place, which pandas 3.1 announces the end of.
    "ignore:.*inplace.*:Warning",
    "ignore:The 'inplace'.*:Warning",
    # BLAS may compute unused lanes of its registers, whose content is arbitrary, and
    # set the flag though factors and product are finite. Tests look at the values.
    "ignore:invalid value encountered in matmul:RuntimeWarning",
    # Models of a few epochs or images predict little, and say so; it is tested where
    # they are asked to.
    "ignore:Only .* of the predicted responses hold:RuntimeWarning",
    "ignore:The model was fitted on .* images:RuntimeWarning",
)


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "error")
    for line in TOLERATED:
        config.addinivalue_line("filterwarnings", line)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    mne.set_log_level("WARNING")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hide the recordings from tests that do not say which ones they read.

    So all others do the same with the recordings and without them.
    """
    if item.get_closest_marker("data"):
        return (yield)
    hidden = os.environ.pop(DATA, None)
    try:
        return (yield)
    finally:
        if hidden is not None:
            os.environ[DATA] = hidden


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a test whose recordings, or whose card, are not at hand."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device")
    for mark in item.iter_markers("data"):
        for folder in mark.args:
            need(folder)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(autouse=True, scope="session")
def own_data_folder(tmp_path_factory):
    """Keep downloads and derived files out of the user's folders."""
    os.environ["MNE_DATA"] = str(tmp_path_factory.mktemp("mne_data"))
    os.environ["_MNE_FAKE_HOME_DIR"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let every download fail as it does without a network."""

    def refuse(self, url, *args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setattr(ResumingDownloader, "__call__", refuse)


@pytest.fixture(scope="session")
def real_download():
    """The download that :func:`no_network` replaces."""
    return REAL_DOWNLOAD


@pytest.fixture
def upstream(monkeypatch):
    """A server in memory: a dictionary of URL to contents, and the URLs asked for."""
    contents, asked = {}, []

    def serve(self, url, output_file, *args, **kwargs):
        asked.append(url)
        Path(output_file).write_bytes(contents[url])

    monkeypatch.setattr(ResumingDownloader, "__call__", serve)
    # Miniatures stand for files of up to 58 GB, for which this disk may have no room.
    room = shutil.disk_usage("/")._replace(free=10**15)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room)
    return contents, asked


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Write files, or only register them, as a data set of the given name."""
    registries = tmp_path / "registries"
    registries.mkdir()
    monkeypatch.setattr(_fetch, "REGISTRIES", registries)

    def write(name, contents, *, on_disk=True):
        lines = [
            "# url: https://data.example/",
            "# license: CC0",
            "# citation: Nobody 2020",
        ]
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for file, data in contents.items():
            digest = hashlib.sha256(data).hexdigest()
            lines.append(f"some/where/{file} sha256:{digest} {len(data)}")
            if on_disk:
                (folder / file).write_bytes(data)
        (registries / f"{name}.txt").write_text("\n".join(lines), "utf-8")
        return folder

    return write


def _recording(n_concepts, n_times, rng, n_repetitions=2, n_features=12):
    """A linear brain: channels x times are a noisy mix of the image's features."""
    names = [f"{c:02d}/{c:02d}_{i}.png" for c in range(n_concepts) for i in range(4)]
    features = rng.standard_normal((len(names), n_features)).astype(np.float32)
    montage = mne.channels.make_standard_montage("biosemi16")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    mix = np.random.default_rng(5).standard_normal((n_features, 16, n_times))
    repeated = np.repeat(np.arange(len(names)), n_repetitions)
    order = rng.permutation(len(repeated))
    data = np.tensordot(features[repeated[order]], mix, 1)
    data = 1e-6 * (data + 0.5 * rng.standard_normal(data.shape) + 2.0)
    rows = repeated[order]
    metadata = pd.DataFrame(
        {
            "image": [names[row] for row in rows],
            "concept": [names[row][:2] for row in rows],
            "repetition": np.arange(len(rows)) % n_repetitions,
        }
    )
    epochs = mne.EpochsArray(data, info, tmin=-0.1, metadata=metadata, verbose=False)
    table = pd.DataFrame(features, index=pd.Index(names, name="image"))
    return epochs, table


@pytest.fixture(scope="session")
def recording_maker():
    """Make recordings of other sizes by the same kind of brain."""
    return _recording


@pytest.fixture(scope="session")
def recording():
    """Training epochs of 16 channels x 40 times and the features of their images."""
    return _recording(20, 40, np.random.default_rng(0))


@pytest.fixture(scope="session")
def unseen():
    """Test epochs of other images by the same brain, with their features."""
    epochs, table = _recording(10, 40, np.random.default_rng(1), n_repetitions=6)
    rename = {name: f"new/{name}" for name in table.index}
    epochs.metadata["image"] = epochs.metadata["image"].map(rename)
    epochs.metadata["concept"] = "new " + epochs.metadata["concept"]
    return epochs, table.rename(rename)


@pytest.fixture(scope="session")
def small():
    """Settings under which a fit takes about a second."""
    return {
        "n_kernels": 16,
        "kernel_length": 10,
        "inner_activation": False,
        "n_embedding": 32,
        "max_epochs": 30,
        "min_updates": 150,
        "random_state": 0,
        "verbose": "WARNING",
    }


@pytest.fixture(scope="session")
def model(recording, small):
    """A fitted model."""
    from building import brain_ae

    return brain_ae(**small).fit(*recording)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Small recordings, fitted models, results and files of the whole public API."""
    from bad_calls import make_world

    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def small_clips(tmp_path_factory):
    """Register the paper's CLIP towers at reduced size with open_clip."""
    import open_clip

    folder = tmp_path_factory.mktemp("configs")
    text = {"context_length": 8, "vocab_size": 9, "width": 16, "heads": 2, "layers": 1}
    towers = {
        # ViT-L-14 and ViT-H-14 differ in depth and width alone
        "small-L-14": {"layers": 4, "width": 64, "head_width": 32, "patch_size": 14},
        "small-H-14": {"layers": 6, "width": 80, "head_width": 20, "patch_size": 14},
        "small-EVA02": {
            "timm_model_name": "eva02_tiny_patch14_224",
            "timm_model_pretrained": False,
            "timm_pool": "token",
            "timm_proj": None,
        },
    }
    for name, vision in towers.items():
        config = {"embed_dim": 24, "vision_cfg": {"image_size": 224} | vision}
        if "EVA02" in name:
            config["custom_text"] = True
        config["text_cfg"] = text
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return [f"open_clip:{name}" for name in towers]
