"""Draw the pictures of the README and the guide: ``python doc/draw_pictures.py``.

The data are simulated, so the pictures may be shown; everything in them is computed.
"""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import mne
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from PIL import Image

import mne_brainae

STATIC = Path(__file__).parent / "_static"
ENCODING, DECODING, RECONSTRUCTION = "#1b6ca8", "#c2571a", "#2f7d4f"
TIMES = (0.1, 0.15, 0.2)
N_FOUND = 5


def main() -> None:
    """Draw both pictures into ``doc/_static``."""
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "mne_brainae"
    STATIC.mkdir(exist_ok=True)
    draw_paths(STATIC / "paths.svg")
    with mne.utils.use_log_level("ERROR"):
        draw_first_screen(STATIC / "first_screen.png")


# -- the three paths through the shared space -----------------------------------------


BOXES = (
    (0.2, 4.4, "picture"),
    (3.6, 4.4, "image network\nand projection"),
    (0.2, 1.2, "response\n(Epochs)"),
    (3.6, 1.2, "brain encoder"),
    (11.9, 4.4, "brain decoder"),
    (15.3, 4.4, "response\n(Evoked, Epochs)"),
    (15.3, 1.2, "picture, concept"),
)
#: Arrows of every path, from and to, and how much they bend.
PATHS = {
    "encoding": (
        ENCODING,
        0.1,
        ((2.6, 5.2), (3.6, 5.2)),
        ((6.0, 5.2), (7.75, 4.4)),
        ((10.45, 4.45), (11.9, 5.3)),
        ((14.3, 5.3), (15.3, 5.3)),
    ),
    "decoding": (
        DECODING,
        0,
        ((2.6, 2.1), (3.6, 2.1)),
        ((6.0, 2.1), (7.6, 2.75)),
        ((10.65, 2.7), (15.3, 2.0)),
    ),
    "reconstruction": (
        RECONSTRUCTION,
        0.1,
        ((2.6, 1.7), (3.6, 1.7)),
        ((6.0, 1.7), (7.85, 2.45)),
        ((10.7, 4.0), (11.9, 4.8)),
        ((14.3, 4.8), (15.3, 4.8)),
    ),
}


def draw_paths(fname: Path) -> None:
    """Draw how pictures and responses meet, and which paths lead where."""
    fig, ax = plt.subplots(figsize=(9, 3.3), layout="constrained")
    ax.set(xlim=(0, 18), ylim=(0, 6.2), aspect="equal")
    ax.axis("off")
    ax.add_patch(Circle((9.1, 3.4), 1.7, facecolor="#f3ede2", edgecolor="0.3"))
    ax.text(9.1, 3.4, "shared\nspace", ha="center", va="center", fontsize=11)
    for x, y, text in BOXES:
        _box(ax, x, y, text)
    for n, (path, (color, bend, *arrows)) in enumerate(PATHS.items()):
        ax.text(3.6 + 4.4 * n, 0.2, path, color=color, fontsize=11, weight="bold")
        for start, end in arrows:
            _arrow(ax, start, end, color, bend)
    fig.savefig(fname, metadata={"Date": None})
    plt.close(fig)


def _box(ax, x: float, y: float, text: str) -> None:
    style = "round,pad=0.02,rounding_size=0.25"
    ax.add_patch(
        FancyBboxPatch((x, y), 2.4, 1.3, style, facecolor="white", edgecolor="0.3")
    )
    ax.text(x + 1.2, y + 0.65, text, ha="center", va="center", fontsize=9)


def _arrow(ax, start, end, color: str, bend: float) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            color=color,
            linewidth=1.8,
            connectionstyle=f"arc3,rad={-bend}",
        )
    )


# -- the picture of the README --------------------------------------------------------


def draw_first_screen(fname: Path) -> None:
    """Fit the demo's recording and draw one unseen picture in every direction."""
    data = mne_brainae.datasets.simulate(random_state=0)
    model = mne_brainae.fit(data.train, data.images, recipe="best")
    measured = mne_brainae.average_repetitions(data.test)
    found = model.retrieve(measured, data.images, similarity="likelihood")
    which = int(np.argmin(found.ranks))  # the first of those found
    epoch = measured[which]
    name = epoch.metadata["image"].iloc[0]
    masked = mne_brainae.mask_epochs(epoch, "spatial", 0.5, random_state=0)
    fig = plt.figure(figsize=(10, 5.2), layout="constrained")
    encoding, below = fig.subfigures(2, 1, height_ratios=[1.15, 1])
    decoding, reconstruction = below.subfigures(1, 2, width_ratios=[1.35, 1])
    picture = data.images / name
    _draw_encoding(encoding, picture, epoch, model, model.predict_evoked(picture))
    _draw_decoding(decoding, data.images, found, which, name)
    _draw_reconstruction(reconstruction, epoch, masked, model)
    fig.savefig(fname, dpi=100)
    plt.close(fig)


def _draw_encoding(fig, picture: Path, epoch, model, predicted) -> None:
    fig.suptitle(
        "encoding: what a picture that was never seen adds to the mean response",
        color=ENCODING,
    )
    axes = fig.subplots(1, 1 + 2 * len(TIMES))
    _show(axes[0], picture, "picture")
    mean = model.evoked_.data
    maps = {"predicted": predicted.data - mean, "measured": epoch.get_data()[0] - mean}
    top = 1e6 * max(np.abs(values).max() for values in maps.values()) * 0.6
    for n_row, (title, values) in enumerate(maps.items()):
        for n_time, time in enumerate(TIMES):
            ax = axes[1 + n_row * len(TIMES) + n_time]
            sample = epoch.time_as_index(time)[0]
            _map(ax, 1e6 * values[:, sample], model.info_, top)
            ax.set_title(f"{title}\n{1000 * time:.0f} ms", fontsize=9)


def _map(ax, values: np.ndarray, info, top: float) -> None:
    mne.viz.plot_topomap(
        values, info, axes=ax, show=False, vlim=(-top, top), contours=0
    )


def _draw_decoding(fig, folder: Path, found, which: int, name: str) -> None:
    fig.suptitle(
        f"decoding: likeliest of {len(found.candidates)} pictures", color=DECODING
    )
    likeliest = found.best(N_FOUND).iloc[which]
    for n, (ax, image) in enumerate(
        zip(fig.subplots(1, N_FOUND), likeliest, strict=True)
    ):
        _show(ax, folder / image, f"{n + 1}." + (" seen" if image == name else ""))


def _show(ax, picture: Path, title: str) -> None:
    with Image.open(picture) as image:
        ax.imshow(image.convert("RGB"))
    ax.set_title(title, fontsize=9)
    ax.axis("off")


def _draw_reconstruction(fig, epoch, masked, model) -> None:
    fig.suptitle("reconstruction: half the sensors are gone", color=RECONSTRUCTION)
    sample = epoch.time_as_index(TIMES[1])[0]
    given, rebuilt, measured = (
        1e6 * response.get_data()[0, :, sample]
        for response in (masked, model.reconstruct(masked), epoch)
    )
    left = np.flatnonzero(~np.isnan(given))
    top = 0.8 * np.abs(measured).max()
    axes = fig.subplots(1, 3)
    _map(axes[0], given[left], mne.pick_info(model.info_, left), top)
    _map(axes[1], rebuilt, model.info_, top)
    _map(axes[2], measured, model.info_, top)
    for ax, title in zip(axes, ("what is left", "rebuilt", "measured"), strict=True):
        ax.set_title(title, fontsize=9)


if __name__ == "__main__":
    main()
