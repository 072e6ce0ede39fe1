"""``mne_brainae benchmark preprocessing``: from raw data to averages."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

N_CHANNELS, SFREQ, SFREQ_NEW = 63, 1000, 250.0
N_REPETITIONS = 2  # of an image within a session of THINGS-EEG2
SOA = 200  # samples
WINDOW = {"tmin": 0.0, "tmax": 0.996, "baseline": (-0.2, 0.0)}
WAYS = ("block by block", "Epochs(preload).resample")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sizes."""
    add = parser.add_argument
    add("--images", type=int, default=8270, help="images of the session (8270)")
    add("--compare", type=int, default=1000, help="images of the comparison (1000)")
    add("--rounds", type=int, default=3, help="alternating runs, of which the best")


def run(given: argparse.Namespace) -> None:
    """Generate a session, go both ways in fresh processes, print one table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small = generate(Path(folder) / "small.vhdr", given.compare)
        for _ in range(given.rounds):
            rows += [measure(way, small, given.compare) for way in WAYS]
        small.with_suffix(".eeg").unlink()
        large = generate(Path(folder) / "large.vhdr", given.images)
        rows.append(measure(WAYS[0], large, given.images))
    table = pd.DataFrame(rows).groupby(["images", "way"], sort=False)
    table = table.agg({"seconds": "min", "peak_mb": "min", "result_mb": "first"})
    table["peak / result"] = table["peak_mb"] / table["result_mb"]
    print(
        f"\nGenerated session: {N_CHANNELS} channels, {SFREQ} Hz, {N_REPETITIONS} "
        f"repetitions; averages of 250 times, float32.\nBlock by block filters to "
        "0.1-100 Hz as well; the other way does not filter."
    )
    print(table.round(2).to_string())
    lean, whole = (table.loc[(given.compare, way)] for way in WAYS)
    print(
        f"At {given.compare} images, block by block is "
        f"{whole['seconds'] / lean['seconds']:.1f} times faster and takes "
        f"{whole['peak_mb'] / lean['peak_mb']:.1f} times less memory."
    )


def generate(header: Path, n_images: int) -> Path:
    """Write noise, one recording of the length that the images take."""
    from ...datasets._bids import write_brainvision

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
        "from mne_brainae.commands.benchmark.preprocessing import work;"
        f"work({way!r}, {str(header)!r}, {n_images})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{way} with {n_images} images failed:\n{done.stderr}")
    row = json.loads(done.stdout.splitlines()[-1])
    print(f"{way}, {n_images} images: {row['seconds']:.1f} s", flush=True)
    return row


def work(way: str, header: str, n_images: int) -> None:
    """Go one way and print what it took, beyond what the imports take."""
    import resource

    import mne

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
    row = {
        "images": n_images,
        "way": way,
        "seconds": seconds,
        "peak_mb": peak * unit / 1e6,
        "result_mb": means.nbytes / 1e6,
    }
    print(json.dumps(row))


def block_by_block(header: str, onsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Filter, cut and average as the readers of this package do."""
    import mne

    from ...preprocessing.streaming import Recording, read_responses

    events = pd.DataFrame({"sample": onsets, "onset": onsets / SFREQ, "image": order})
    recording = Recording(
        "01", lambda: mne.io.read_raw_brainvision(header).set_annotations(None), events
    )
    return read_responses(
        [recording], **WINDOW, l_freq=0.1, h_freq=100.0, sfreq=SFREQ_NEW, average=True
    ).data


def all_at_once(header: str, onsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Cut all epochs in memory, resample them, and average."""
    import mne

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
