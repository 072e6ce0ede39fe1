"""Draw the figures of README, guide and architecture: ``python doc/draw_pictures.py``.

The data are simulated, so the images may be shown; all results are computed. ``python
doc/draw_pictures.py diagrams`` draws the two diagrams only, in seconds.
"""

# License: BSD-3-Clause

from __future__ import annotations

import sys
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
    """Draw the figures into ``doc/_static``."""
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "mne_brainae"
    STATIC.mkdir(exist_ok=True)
    draw_paths(STATIC / "paths.svg")
    draw_steps(STATIC / "steps.svg")
    if "diagrams" in sys.argv[1:]:
        return
    with mne.utils.use_log_level("ERROR"):
        draw_first_screen(STATIC / "first_screen.png")


# -- the three paths through the shared space -----------------------------------------


BOXES = (
    (0.2, 4.4, "image"),
    (3.6, 4.4, "image network\nand projection"),
    (0.2, 1.2, "response\n(Epochs)"),
    (3.6, 1.2, "brain encoder"),
    (11.9, 4.4, "brain decoder"),
    (15.3, 4.4, "response\n(Evoked, Epochs)"),
    (15.3, 1.2, "image, concept"),
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
    """Draw the maps between images, responses and the shared space."""
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


# -- the steps of fit and retrieve ----------------------------------------------------

#: Every step: what it does, its module, and what goes to the next step.
FIT_STEPS = (
    ("choose an estimator", "models/recipes.py", "estimator"),
    ("check parameters", "utils/constraints.py", "epochs, images"),
    ("pair epochs and images by name", "images/pairing.py", "image of every epoch"),
    ("compute image features", "images/features.py", "(n_images, n_features)"),
    (
        "average, hold out, standardize",
        "models/training_set.py",
        "(n_images, n_channels, n_times)",
    ),
    (
        "solve the closed form",
        "models/linear_gaussian/solve.py",
        "axes, slope, covariance of errors",
    ),
    (
        'train from there (not "linear")',
        "models/training.py, nn",
        "weights of the best epoch",
    ),
    ("keep the shared space", "models/latent.py", "fitted model"),
)
RETRIEVE_STEPS = (
    ("check names, channels and times", "models/directions.py", "epochs, candidates"),
    ("compute image features", "images/features.py", "(n_candidates, n_features)"),
    ("embed images", "models/latent.py", "(n_candidates, n_embedding)"),
    ("embed responses", "models/latent.py", "(n_epochs, n_embedding)"),
    ("compare, block by block", "scoring/comparison.py", "(n_epochs, n_candidates)"),
    ("rank the true image", "scoring/identification.py", "Identification"),
)
STEP_HEIGHT, STEP_WIDTH = 1.0, 7.6


def draw_steps(fname: Path) -> None:
    """Draw the steps of ``fit()`` and ``retrieve()`` with module, input and output."""
    fig, ax = plt.subplots(figsize=(9, 7.4), layout="constrained")
    n_steps = max(len(FIT_STEPS), len(RETRIEVE_STEPS))
    ax.set(xlim=(0, 18), ylim=(-1.2 - 1.75 * n_steps, 1.6))
    ax.axis("off")
    _draw_column(ax, 0.4, "fit()", "epochs, images, recipe", FIT_STEPS, ENCODING)
    _draw_column(
        ax, 9.8, "retrieve()", "test epochs, candidates", RETRIEVE_STEPS, DECODING
    )
    fig.savefig(fname, metadata={"Date": None})
    plt.close(fig)


def _draw_column(ax, x: float, title: str, given: str, steps, color: str) -> None:
    middle = x + STEP_WIDTH / 2
    ax.text(x, 1.2, title, color=color, fontsize=12, weight="bold", va="center")
    passed = given
    for number, (what, module, result) in enumerate(steps):
        y = -1.75 * (number + 1) + 0.75
        _arrow(
            ax, (middle, y + 0.75 + STEP_HEIGHT), (middle, y + STEP_HEIGHT), color, 0
        )
        _label(ax, middle, y + STEP_HEIGHT + 0.4, passed)
        style = "round,pad=0.02,rounding_size=0.2"
        ax.add_patch(
            FancyBboxPatch(
                (x, y),
                STEP_WIDTH,
                STEP_HEIGHT,
                style,
                facecolor="white",
                edgecolor="0.3",
            )
        )
        ax.text(middle, y + 0.67, what, ha="center", va="center", fontsize=9)
        ax.text(
            middle,
            y + 0.27,
            module,
            ha="center",
            va="center",
            fontsize=8,
            color="0.35",
            family="monospace",
        )
        passed = result
    _arrow(ax, (middle, y), (middle, y - 0.75), color, 0)
    _label(ax, middle, y - 0.4, passed)


def _label(ax, x: float, y: float, text: str) -> None:
    ax.text(x + 0.25, y, text, va="center", fontsize=8, style="italic")


# -- the figure of the README ---------------------------------------------------------


def draw_first_screen(fname: Path) -> None:
    """Fit the demo's recording and draw one unseen image in every direction."""
    data = mne_brainae.datasets.simulate(random_state=0)
    model = mne_brainae.fit(data.train, data.images, random_state=0)
    measured = mne_brainae.average_repetitions(data.test)
    found = model.retrieve(measured, data.images, similarity="likelihood")
    which = int(np.argmin(found.ranks))  # the first of those found
    epoch = measured[which]
    name = epoch.metadata["image"].iloc[0]
    masked = mne_brainae.mask_epochs(epoch, "spatial", 0.5, random_state=0)
    fig = plt.figure(figsize=(10, 5.2), layout="constrained")
    encoding, below = fig.subfigures(2, 1, height_ratios=[1.15, 1])
    decoding, reconstruction = below.subfigures(1, 2, width_ratios=[1.35, 1])
    image = data.images / name
    _draw_encoding(encoding, image, epoch, model, model.predict_evoked(image))
    _draw_decoding(decoding, data.images, found, which, name)
    _draw_reconstruction(reconstruction, epoch, masked, model)
    fig.savefig(fname, dpi=100)
    plt.close(fig)


def _draw_encoding(fig, image: Path, epoch, model, predicted) -> None:
    fig.suptitle(
        "encoding: what a new image adds to the mean response",
        color=ENCODING,
    )
    axes = fig.subplots(1, 1 + 2 * len(TIMES))
    _show(axes[0], image, "image")
    mean = model.evoked_.data
    maps = {"predicted": predicted.data - mean, "measured": epoch.get_data()[0] - mean}
    top = 1e6 * max(np.abs(values).max() for values in maps.values()) * 0.6
    for n_row, (title, values) in enumerate(maps.items()):
        for n_time, time in enumerate(TIMES):
            ax = axes[1 + n_row * len(TIMES) + n_time]
            sample = epoch.time_as_index(time)[0]
            drawn = _map(ax, 1e6 * values[:, sample], model.info_, top)
            ax.set_title(f"{title}\n{1000 * time:.0f} ms", fontsize=9)
    fig.colorbar(drawn, ax=axes, label="µV", shrink=0.6)


def _map(ax, values: np.ndarray, info, top: float):
    """Draw a map and return its colors."""
    colors, _ = mne.viz.plot_topomap(
        values, info, axes=ax, show=False, vlim=(-top, top), contours=0
    )
    return colors


def _draw_decoding(fig, folder: Path, found, which: int, name: str) -> None:
    fig.suptitle(
        f"decoding: likeliest of {len(found.candidates)} images", color=DECODING
    )
    likeliest = found.best(N_FOUND).iloc[which]
    for n, (ax, image) in enumerate(
        zip(fig.subplots(1, N_FOUND), likeliest, strict=True)
    ):
        _show(ax, folder / image, f"{n + 1}." + (" seen" if image == name else ""))


def _show(ax, image: Path, title: str) -> None:
    with Image.open(image) as opened:
        ax.imshow(opened.convert("RGB"))
    ax.set_title(title, fontsize=9)
    ax.axis("off")


def _draw_reconstruction(fig, epoch, masked, model) -> None:
    fig.suptitle("reconstruction: half the sensors are missing", color=RECONSTRUCTION)
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
    drawn = _map(axes[2], measured, model.info_, top)
    fig.colorbar(drawn, ax=axes, label="µV", shrink=0.6)
    for ax, title in zip(axes, ("what is left", "rebuilt", "measured"), strict=True):
        ax.set_title(title, fontsize=9)


if __name__ == "__main__":
    main()
