"""The way from raw data to averages: its time and its memory."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import mne
import numpy as np
import pandas as pd

from ...datasets._bids import write_brainvision
from ...preprocessing.streaming import Recording, read_responses
from ...utils.checks import logger

N_CHANNELS, SFREQ, SFREQ_NEW = 63, 1000, 250.0
N_REPETITIONS = 2  # of an image within a session of THINGS-EEG2
SOA = 200  # samples
WINDOW = {"tmin": 0.0, "tmax": 0.996, "baseline": (-0.2, 0.0)}
WAYS = ("block by block", "Epochs(preload).resample")


def compare(n_images: int, n_compared: int, n_rounds: int) -> pd.DataFrame:
    """Go both ways on generated sessions, each time in a fresh process.

    Parameters
    ----------
    n_images : int
        Images of a session that only the first way is shown.
    n_compared : int
        Images of the session that both ways are compared on.
    n_rounds : int
        Alternating runs, of which the best counts.

    Returns
    -------
    table : DataFrame
        Seconds, peak memory and size of the result in MB, by images and way.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small = generate(Path(folder) / "small.vhdr", n_compared)
        for _ in range(n_rounds):
            rows += [measure(way, small, n_compared) for way in WAYS]
        small.with_suffix(".eeg").unlink()
        large = generate(Path(folder) / "large.vhdr", n_images)
        rows.append(measure(WAYS[0], large, n_images))
    table = pd.DataFrame(rows).groupby(["images", "way"], sort=False)
    table = table.agg({"seconds": "min", "peak_mb": "min", "result_mb": "first"})
    table["peak / result"] = table["peak_mb"] / table["result_mb"]
    return table


def generate(header: Path, n_images: int) -> Path:
    """Write noise, one recording of the length that the images take."""
    rng = np.random.default_rng(0)
    n_samples = 3 * SFREQ + SOA * n_images * N_REPETITIONS
    blocks = (
        1e-5 * rng.standard_normal((min(100_000, n_samples - start), N_CHANNELS), "f4")
        for start in range(0, n_samples, 100_000)
    )
    names = [f"EEG{i:02d}" for i in range(N_CHANNELS)]
    return write_brainvision(header, names, SFREQ, blocks)


def measure(way: str, header: Path, n_images: int) -> dict:
    """Go one way in a process of its own."""
    code = (
        f"import json; from {__name__} import work;"
        f"print(json.dumps(work({way!r}, {str(header)!r}, {n_images})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{way} with {n_images} images failed:\n{done.stderr}")
    row = json.loads(done.stdout.splitlines()[-1])
    logger.info(f"{way}, {n_images} images: {row['seconds']:.1f} s")
    return row


def work(way: str, header: str, n_images: int) -> dict:
    """Go one way, and return what it took beyond what the imports take."""
    import resource  # not on Windows

    mne.set_log_level("ERROR")
    # Repetitions of an image lie far apart, as in the experiment.
    order = np.random.default_rng(1).permutation(
        np.repeat(np.arange(n_images), N_REPETITIONS)
    )
    onsets = SFREQ + SOA * np.arange(len(order))
    go = {WAYS[0]: block_by_block, WAYS[1]: all_at_once}[way]
    warm = generate(Path(header).with_name("warm.vhdr"), 20)  # imports and caches
    go(str(warm), onsets[:20], order[:20])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    means = go(header, onsets, order)
    seconds = perf_counter() - start
    peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "images": n_images,
        "way": way,
        "seconds": seconds,
        "peak_mb": peak * unit / 1e6,
        "result_mb": means.nbytes / 1e6,
    }


def block_by_block(header: str, onsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Filter, cut and average as the readers of this package do."""
    events = pd.DataFrame({"sample": onsets, "onset": onsets / SFREQ, "image": order})
    recording = Recording(
        "01", lambda: mne.io.read_raw_brainvision(header).set_annotations(None), events
    )
    return read_responses(
        [recording], **WINDOW, l_freq=0.1, h_freq=100.0, sfreq=SFREQ_NEW, average=True
    ).data


def all_at_once(header: str, onsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Cut all epochs in memory, resample them, and average."""
    raw = mne.io.read_raw_brainvision(header).set_annotations(None)
    events = np.column_stack([onsets, np.zeros_like(onsets), order + 1])
    epochs = mne.Epochs(
        raw, events, tmin=-0.2, tmax=1.0, baseline=WINDOW["baseline"], preload=True
    )
    epochs.resample(SFREQ_NEW)
    means = [
        epochs.get_data(item=np.flatnonzero(order == image), copy=False).mean(axis=0)
        for image in np.unique(order)
    ]
    return np.array(means, np.float32)[:, :, -250:]
