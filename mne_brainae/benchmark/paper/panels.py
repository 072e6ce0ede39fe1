"""The panels of Figures 2, 3 and 4: their numbers, and how they are drawn.

``measure_*`` returns a table of one fit; ``draw_*`` takes the tables of all fits, and
the first fit, of which examples are shown.
"""

# License: BSD-3-Clause

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.linalg import norm
from scipy.stats import pearsonr

from ...preprocessing.epochs import read_array
from ...preprocessing.masking import MASKS, mask_epochs
from ...scoring.occlusion import (
    Consistency,
    occlude_channels,
    occlude_times,
    score_consistency,
)
from ...scoring.reconstruction import MODEL, score_reconstruction
from ...scoring.similarity import ResponseSimilarity
from ...utils.checks import check_same_space
from ...utils.units import unit_of
from ...viz.decoding import plot_consistency
from ...viz.figure import draw_level, legend_above, mark_onset
from .fitted import SEED, Fitted, NotShownError

#: Length of a hidden window (s) and shares that are masked; the paper names neither.
WINDOW = 0.1
RATIOS = (0.25, 0.5, 0.75)
#: The three ways of Figure 3a.
WAYS = ("increasing", "decreasing", "pointwise")
N_EXAMPLES = 3


def measure_time_courses(fitted: Fitted) -> pd.DataFrame:
    """Average regions over images (Figure 2a); ``r`` is the mean over images."""
    similarity, parts = fitted.similarity, []
    for region, names in similarity.regions.items():
        courses = {
            name: of["epochs"].get_data(picks=names).mean(axis=(0, 1))
            for name, of in _both(similarity)
        }
        times = similarity.measured["epochs"].times
        r = similarity.table.loc[("time course", region), "prediction"]
        part = pd.DataFrame({"time": times, **courses})
        parts.append(part.assign(region=region, r=r))
    return pd.concat(parts)


def measure_power(fitted: Fitted) -> pd.DataFrame:
    """Return the power of channels in bands (Figure 2b), ``r`` over channels in dB."""
    similarity = fitted.similarity
    if "power" not in similarity.measured:
        raise NotShownError(_left_out(similarity, "power"))
    measured, predicted = (
        of["power"].melt(ignore_index=False, var_name="band", value_name=name)
        for name, of in _both(similarity)
    )
    r = measured["band"].map(similarity.table.loc["power", "prediction"])
    table = measured.assign(predicted=predicted["predicted"], r=r)
    return table.rename_axis("channel").reset_index()


def measure_correlations(fitted: Fitted) -> pd.DataFrame:
    """Return the correlations of channels (Figure 2c), ``r`` over pairs."""
    of = {name: parts["correlation"] for name, parts in _both(fitted.similarity)}
    key = ("channel correlation", "channels")
    return _pairs(of).assign(r=fitted.similarity.table.loc[key, "prediction"])


def measure_phase_lags(fitted: Fitted) -> pd.DataFrame:
    """Return the phase lag indices of channels (Figure 2d), ``r`` over pairs."""
    similarity, parts = fitted.similarity, []
    if "pli" not in similarity.measured:
        raise NotShownError(_left_out(similarity, "phase lag"))
    for band in similarity.measured["pli"]:
        of = {name: lags["pli"][band] for name, lags in _both(similarity)}
        r = similarity.table.loc[("pli", band), "prediction"]
        parts.append(_pairs(of).assign(band=band, r=r))
    return pd.concat(parts)


def _both(similarity: ResponseSimilarity) -> tuple:
    return ("measured", similarity.measured), ("predicted", similarity.predicted)


def _pairs(matrices: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per pair of channels."""
    names = next(iter(matrices.values())).index.to_numpy()
    rows, columns = np.tril_indices(len(names), -1)
    values = {name: m.to_numpy()[rows, columns] for name, m in matrices.items()}
    return pd.DataFrame({"channel": names[rows], "other": names[columns], **values})


def _left_out(similarity: ResponseSimilarity, aspect: str) -> str:
    left_out = similarity.left_out.items()
    return "; ".join(f"{band}: {why}" for (of, band), why in left_out if of == aspect)


def draw_time_courses(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw measured and predicted time courses of regions."""
    return {"": first.similarity.plot_time_courses(show=False)}


def draw_power(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw maps of power in bands."""
    return {"": first.similarity.plot_power(show=False)}


def draw_correlations(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw the matrices of channel correlations."""
    return {"": first.similarity.plot_correlation(show=False)}


def draw_phase_lags(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw the matrices of phase lags, band by band."""
    bands = first.similarity.measured["pli"]
    return {b: first.similarity.plot_phase_lag(b, show=False) for b in bands}


def measure_hidden_times(fitted: Fitted) -> pd.DataFrame:
    """Decode with times hidden in three ways (Figure 3a)."""
    given = (fitted.identify, fitted.averaged, fitted.model.evoked_)
    parts = []
    for way in WAYS:
        found = occlude_times(*given, kind=way, window=WINDOW, verbose="WARNING")
        whole = {"whole": found.whole.top_k(1), "chance": found.whole.chance(1)}
        parts.append(found.table.assign(way=way, **whole))
    return pd.concat(parts)


def measure_hidden_regions(fitted: Fitted) -> pd.DataFrame:
    """Decode with regions hidden (Figure 3b)."""
    found = occlude_channels(
        fitted.identify,
        fitted.averaged,
        fitted.model.evoked_,
        regions=fitted.regions,
        verbose="WARNING",
    )
    return found.table.assign(
        whole=found.whole.top_k(1), chance=found.whole.chance(1)
    ).rename(columns={"part": "region"})


def measure_categories(fitted: Fitted) -> pd.DataFrame:
    """Compare embeddings within and between categories (Figure 3c)."""
    return fitted.contrast.table.reset_index()


def measure_channel_consistency(fitted: Fitted) -> pd.DataFrame:
    """Return encoding of channels, and what decoding loses without (Figure 3e)."""
    given = (fitted.identify, fitted.averaged, fitted.model.evoked_)
    hidden = occlude_channels(*given, verbose="WARNING")
    return _consistency_table(score_consistency(fitted.encoding.r_map, hidden))


def measure_time_consistency(fitted: Fitted) -> pd.DataFrame:
    """Return encoding of windows, and what decoding loses without (Figure 3f)."""
    given = (fitted.identify, fitted.averaged, fitted.model.evoked_)
    hidden = occlude_times(*given, window=WINDOW, verbose="WARNING")
    return _consistency_table(score_consistency(fitted.encoding.r_map, hidden))


def _consistency_table(found: Consistency) -> pd.DataFrame:
    return found.table.reset_index().assign(r=found.r, p=found.p)


def draw_hidden_times(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw accuracy against the time of the window, mean over fits."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    ends = {"increasing": "tmax", "decreasing": "tmin"}
    for way, part in table.groupby("way", sort=False):
        at = part[ends.get(way, "tmin")]
        if way == "pointwise":
            at = (part["tmin"] + part["tmax"]) / 2
        _line(axes, part.assign(at=at.round(6)), "at", "accuracy", unit=100, label=way)
    _levels(axes, table)
    mark_onset(axes, table[["tmin", "tmax"]].to_numpy())
    axes.set(
        xlabel="end of what is shown (increasing), its beginning (decreasing), or "
        "middle of\nwhat is hidden (pointwise) (s)",
        ylabel="top-1 accuracy (%), mean and SD of subjects",
    )
    return {"": figure}


def draw_hidden_regions(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw accuracy without every region, mean over fits and every subject."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    by_subject = table.groupby(["region", "subject"], sort=False)["accuracy"].mean()
    means = by_subject.groupby("region", sort=False).mean()
    axes.bar(means.index, 100 * means, color="0.8", label="mean of subjects")
    for number, (_, accuracy) in enumerate(by_subject.groupby("subject")):
        places = accuracy.index.get_level_values("region")
        label = None if number else "one subject"
        axes.plot(places, 100 * accuracy, "k.", label=label)
    _levels(axes, table)
    axes.set(xlabel="hidden region", ylabel="top-1 accuracy (%)")
    return {"": figure}


def _levels(axes, table: pd.DataFrame) -> None:
    """Draw the accuracy of whole responses, and chance."""
    axes.axhline(100 * table["whole"].mean(), color="C3", label="whole response")
    draw_level(axes, 100 * table["chance"].mean(), "chance")
    legend_above(axes)


def _line(axes, table: pd.DataFrame, x: str, y: str, unit=1, **style) -> None:
    """Draw the mean over subjects, after the mean over seeds, and the spread."""
    by_subject = unit * table.groupby([x, "subject"])[y].mean()
    of_all = by_subject.groupby(x)
    mean, sd = of_all.mean(), of_all.std()
    axes.errorbar(mean.index, mean, sd, marker="o", capsize=2, **style)


def draw_categories(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw the dissimilarities of the first fit, sorted by category."""
    return {"": first.contrast.plot(show=False)}


def draw_consistency(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw decoding against encoding, both averaged over fits."""
    part = "channel" if "channel" in table else "window"
    means = table.groupby(part, sort=False)[["encoding", "decoding"]].mean()
    r, p = (0.0, 1.0)
    if (means.nunique() > 1).all():
        r, p = pearsonr(means["encoding"], means["decoding"])
    return {"": plot_consistency(means, r, p, show=False)}


def measure_generated(fitted: Fitted) -> pd.DataFrame:
    """Compare painted images with those that were seen (Figure 3d).

    ``similarity`` is the cosine of the features that were painted with those of the
    image that was seen, and ``others`` its mean over the other images shown.
    """
    generated, features = fitted.generated, fitted.recording.features
    drawn = generated.embeddings / norm(generated.embeddings, axis=-1, keepdims=True)
    seen = features.loc[generated.names].to_numpy()
    cosine = drawn @ (seen / norm(seen, axis=1, keepdims=True)).T
    own = np.eye(len(seen), dtype=bool)[:, None]  # cosine: (n_seen, n_drawn, n_seen)
    n_drawn = drawn.shape[1]
    return pd.DataFrame(
        {
            "image": np.repeat(generated.names, n_drawn),
            "number": np.tile(np.arange(1, n_drawn + 1), len(seen)),
            "similarity": cosine.mean(axis=-1, where=own).ravel(),
            "others": cosine.mean(axis=-1, where=~own).ravel(),
        }
    )


def draw_generated(table: pd.DataFrame, first: Fitted) -> dict[str, plt.Figure]:
    """Lay painted images out below those that were seen, of the first fit."""
    return {"": first.generated.plot(first.recording.images, show=False)}


def measure_examples(fitted: Fitted) -> pd.DataFrame:
    """Mask half of a response and bring it back, on three channels (Figure 4a)."""
    model, parts = fitted.model, []
    names = model.info_["ch_names"]
    some = np.linspace(0, len(names) - 1, N_EXAMPLES).astype(int)
    picks = check_same_space(fitted.averaged, names, model.times_)
    whole = read_array(fitted.averaged[:1], picks)[0]
    for kind in MASKS:
        masked = mask_epochs(
            fitted.averaged,
            kind,
            0.5,
            picks=names,
            random_state=SEED,
            verbose="WARNING",
        )[:1]
        visible = read_array(masked, np.arange(len(names)))[0]
        rebuilt = model.reconstruct(masked, keep_observed=False, output="array")[0]
        for channel in some:
            values = {
                "measured": whole[channel],
                "visible": visible[channel],
                "reconstructed": rebuilt[channel],
            }
            part = pd.DataFrame({"time": model.times_, **values})
            parts.append(part.assign(kind=kind, channel=names[channel]))
    return pd.concat(parts)


def measure_reconstruction(fitted: Fitted) -> pd.DataFrame:
    """Score restored responses, by kind and ratio of the mask (Figure 4b)."""
    return score_reconstruction(
        fitted.model,
        fitted.averaged,
        ratios=RATIOS,
        identify=fitted.identify,
        random_state=SEED,
        verbose="WARNING",
    ).table


def draw_examples(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw the examples of the first fit."""
    table = table[table["subject"] == first.subject]
    table = table[table["seed"] == table["seed"].iloc[0]]
    channels = table["channel"].unique()
    figure, panels = plt.subplots(
        len(channels),
        len(MASKS),
        figsize=(12, 6),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    styles = {"measured": ("C0", 1), "reconstructed": ("C3", 1), "visible": ("k", 2)}
    info = first.model.info_
    kinds = dict(zip(info["ch_names"], info.get_channel_types(), strict=True))
    for (kind, channel), part in table.groupby(["kind", "channel"], sort=False):
        axes = panels[list(channels).index(channel), MASKS.index(kind)]
        factor, unit = unit_of(info, kinds[channel])
        for name, (color, width) in styles.items():
            values = factor * part[name]
            axes.plot(part["time"], values, color=color, lw=width, label=name)
        mark_onset(axes, part["time"])
        axes.set_title(kind, fontsize="medium")
        panels[list(channels).index(channel), 0].set_ylabel(f"{channel} ({unit})")
    handles = panels[0, 0].get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    for axes in panels[-1]:
        axes.set_xlabel("time (s)")
    return {"": figure}


def draw_reconstruction(table: pd.DataFrame, first: Fitted) -> dict:
    """Draw encoding (red) and decoding (blue) against the missing share."""
    own = table[table["system"] == MODEL]
    chance = 100 * own["chance"].mean()
    figure, panels = plt.subplots(
        1, len(MASKS), figsize=(13, 3.5), sharey=True, layout="constrained"
    )
    others = [axes.twinx() for axes in panels]
    for axes, other, kind in zip(panels, others, MASKS, strict=True):
        part = own[own["kind"] == kind].assign(missing=lambda t: 100 * t["ratio"])
        _line(axes, part, "missing", "r_all", color="C3")
        _line(other, part, "missing", "top_1", unit=100, color="C0")
        draw_level(other, chance, "chance of top-1")
        axes.set(title=kind, xlabel="missing (%)")
        other.set_ylim(0, 105 * max(own["top_1"].max(), 0.01))
        other.tick_params(labelright=axes is panels[-1])
    panels[0].set_ylim(min(own["r_all"].min(), 0), 1)
    panels[0].set_ylabel("r with the whole response", color="C3")
    others[-1].set_ylabel("top-1 accuracy (%)", color="C0")
    handles = others[0].get_legend_handles_labels()[0]
    title = "mean and SD of subjects"
    figure.legend(handles=handles, title=title, loc="outside right upper")
    return {"": figure}
