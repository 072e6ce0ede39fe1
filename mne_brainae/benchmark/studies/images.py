"""Image features: what they predict of macaque V4, and what they cost."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.model_selection import KFold

from ... import LinearEncodingModel, compute_image_features
from ...images.encoders import resolve
from ...images.networks import NetworkEncoder
from ...scoring.correlation import correlate

N_FILES = 8

#: Peak memory of a fresh process. Linux counts what the parent held into ru_maxrss of
#: a child, but not into VmHWM.
CHILD = """
import json, pathlib, re, resource, sys
from mne_brainae import ImageEncoder, compute_image_features
from mne_brainae.images import find_images
folder, n, settings = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
files = list(find_images(folder).values())
images = {str(i): files[i % len(files)] for i in range(n)}
table = compute_image_features(
    images, ImageEncoder(**settings), cache=None, device="cpu", verbose="ERROR"
)
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak, table.to_numpy().nbytes)
"""


def encoding(encoder, epochs) -> tuple[float, str]:
    """Predict the neurons of a session by ridge regression on image features.

    Parameters
    ----------
    encoder : ImageEncoder
        The image encoder.
    epochs : instance of Epochs
        One response per photograph.

    Returns
    -------
    r : float
        Pearson correlation over the test photographs of a fold, mean over units, then
        over six folds. Scaling and penalty are learned on the training photographs of
        the fold alone.
    words : str
        The protocol and the range over folds.
    """
    files = dict(
        zip(epochs.metadata["image"], epochs.metadata["image_path"], strict=True)
    )
    features = compute_image_features(files, encoder)
    folds = KFold(6, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    scores = []
    for train, test in folds:
        model = LinearEncodingModel().fit(epochs[train], features)
        measured = epochs[test]
        predicted = model.predict_epochs(features.loc[measured.metadata["image"]])
        r = correlate(measured.get_data(), predicted.get_data(), axis=0)
        scores.append(r.mean())
    words = (
        f"({min(scores):.4f} to {max(scores):.4f} in six folds of {len(test)} unseen "
        f"photographs; {len(epochs.ch_names)} units, {features.shape[1]} features)"
    )
    return float(np.mean(scores)), words


@dataclass
class Cost:
    """What an encoder costs.

    Parameters
    ----------
    throughput : DataFrame, shape (n_ways, 3)
        Images per second of every way from images to features, and its shares of the
        throughput of the bare network, by the clock and in processor time.
    memory : list of str
        Peak memory of processes of their own.
    """

    throughput: pd.DataFrame
    memory: list[str]


def cost(encoder, n_images: int, n_rounds: int, side: int) -> Cost:
    """Measure throughput beside that of the bare network, and peak memory.

    Parameters
    ----------
    encoder : ImageEncoder
        The encoder, a network.
    n_images : int
        Images per round.
    n_rounds : int
        Rounds of every way, one after another in turn, so that what else runs on the
        machine strikes all alike.
    side : int
        Height and width of the images.

    Returns
    -------
    cost : instance of Cost
        What it takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        pictures = _pictures(Path(folder, "images"), side)
        rounds = [
            _round(encoder, pictures, n_images, Path(folder, f"cache{index}"))
            for index in range(n_rounds)
        ]
        memory = [
            _memory(encoder, pictures[0].parent, n) for n in (n_images, 4 * n_images)
        ]
    wall, processor = (pd.DataFrame(times) for times in zip(*rounds, strict=True))
    throughput = {
        "images/s": (n_images / wall).median(),
        "share of bare": _share(wall),
        "in processor time": _share(processor),
    }
    return Cost(pd.DataFrame(throughput), memory)


def _share(seconds: pd.DataFrame) -> pd.Series:
    """Divide the time of the bare network by that of every way, round by round.

    Images are read while others are encoded, on another core if one is free; the
    share in processor time is what remains if none is.
    """
    return (1 / seconds).mul(seconds["bare network"], axis=0).median()


def _pictures(folder: Path, side: int) -> list[Path]:
    """Draw images with the spectrum of photographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(side)] * 2)) + 1 / side
    for index in range(N_FILES):
        spectrum = np.fft.fft2(rng.standard_normal((3, side, side))) / frequency
        pixels = np.fft.ifft2(spectrum).real
        pixels = 128 + 50 * pixels / pixels.std()
        image = Image.fromarray(pixels.transpose(1, 2, 0).clip(0, 255).astype(np.uint8))
        image.save(folder / f"{index:02d}.jpg", quality=90)
    return sorted(folder.iterdir())


def _round(encoder, files: list[Path], n_images: int, cache: Path) -> tuple[dict, dict]:
    """Time every way once, by the clock and by the processor."""
    # Every image has another content, or the cache would find it.
    pictures = {}
    for index in range(n_images):
        path = files[0].parent / f"copy-{index}.jpg.bytes"
        path.write_bytes(files[index % len(files)].read_bytes() + bytes([index % 256]))
        pictures[str(index)] = path
    how = {"device": "cpu", "verbose": "ERROR"}
    compute_image_features(files[:2], encoder, cache=None, **how)  # builds
    network = NetworkEncoder(encoder, resolve(encoder), "cpu")
    ways = {
        "bare network": lambda: _bare(network, n_images),
        "images to table": lambda: compute_image_features(
            pictures, encoder, cache=None, **how
        ),
        "the same, kept on disk": lambda: compute_image_features(
            pictures, encoder, cache=cache, **how
        ),
        "read from disk": lambda: compute_image_features(
            pictures, encoder, cache=cache, **how
        ),
    }
    wall, processor = {}, {}
    for name, way in ways.items():
        start = time.perf_counter(), time.process_time()
        way()
        wall[name] = time.perf_counter() - start[0]
        processor[name] = time.process_time() - start[1]
    return wall, processor


def _bare(network, n_images: int) -> None:
    """Pass tensors that lie ready, and nothing else."""
    pictures = torch.rand(network.batch_size, 3, *network.source.input_size)
    pictures = pictures.to(network.dtype, memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(0, n_images, network.batch_size):
            network._reader(pictures)


def _memory(encoder, folder: Path, n_images: int) -> str:
    settings = json.dumps(encoder.to_dict())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, folder, str(n_images), settings],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return f"not measured: {done.stderr.strip().splitlines()[-1]}"
    peak, table = (int(word) / 2**20 for word in done.stdout.split())
    return f"{n_images:6d} images: {peak - table:.1f} MiB, and {table:.1f} MiB of table"
