"""One page about a fitted model: data, training, encoding, decoding, protocol."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version

import mne
import numpy as np
import pandas as pd

from .images.pairing import image_paths
from .models.directions import IdentifiesImages, PredictsResponses
from .models.model import Model
from .preprocessing.averaging import average_repetitions
from .preprocessing.recorded import describe_missing, missing_channels
from .preprocessing.regions import channel_regions
from .scoring.encoding import EncodingScores, score_encoding
from .scoring.identification import Identification
from .scoring.similarity import (
    ResponseSimilarity,
    region_rows,
    score_similarity,
    without,
)
from .utils.checks import (
    check_epochs,
    check_image_names,
    check_new_file,
    logger,
    seed_from,
    verbose,
)
from .utils.constraints import checked, integer
from .utils.docs import fill_doc
from .utils.files import replacing
from .utils.units import units_of
from .viz.encoding import (
    has_positions,
    plot_area_maps,
    plot_comparison,
    plot_history,
    plot_mean_response,
    plot_repetitions,
)

#: Packages whose versions decide over a result.
PACKAGES = ("mne_brainae", "mne", "mne-connectivity", "numpy", "scipy", "torch")
#: Channel types whose topographies MNE-Python draws without further options.
TOPOGRAPHIC = ("eeg", "mag", "grad", "hbo", "hbr")
#: Areas whose electrode arrays are drawn separately.
AREAS = ("V1", "V4", "IT")
#: The regions of Figure 2a.
REGIONS = ("occipital", "temporal", "parietal")
#: More channel names than this are not legible around a circle.
MOST_ON_CIRCLE = 80


@checked(
    model=[Model],
    epochs=check_epochs,
    regions=[Mapping, None],
    n_splits=[integer(1)],
    n_bootstraps=[integer(0)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def make_report(
    model,
    epochs: mne.BaseEpochs,
    images=None,
    *,
    templates=None,
    regions: Mapping | None = None,
    title: str | None = None,
    n_splits: int = 100,
    n_bootstraps: int = 1000,
    random_state=None,
    verbose=None,
) -> mne.Report:
    """Describe a fitted model and its scores on one page.

    The page has the sections that the model can fill. A model that decodes only, such
    as :class:`mne_brainae.ContrastiveDecoder`, has no encoding scores.

    Parameters
    ----------
    model : instance of LinearBrainAE | BrainAE | ContrastiveDecoder | RidgeModel
        The fitted model, or one of the encoding models.
    epochs : instance of Epochs
        Test responses, which the model has not seen; ``metadata["image"]`` names the
        images. Repetitions are averaged.
    images : path-like | list | dict | DataFrame | None
        The images or their features, as in
        :meth:`mne_brainae.BrainAE.compute_features`; None takes the files of
        ``epochs.metadata["image_path"]``.
    templates : path-like | dict | DataFrame | None
        Other images of the concepts, for classification; None omits classification.
    regions : dict | None
        Channel names by region, for the time courses; None takes the regions that
        :func:`mne_brainae.channel_regions` finds, or all channels as one region.
    title : str | None
        The title of the page.
    n_splits, n_bootstraps : int
        As in :func:`mne_brainae.score_encoding`.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    report : instance of Report
        The page. Its sections are data; training; encoding; time, space and
        frequency; decoding; protocol and versions. Save it by ``report.save``.

    Raises
    ------
    RuntimeError
        If the model was fitted without images.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> report = mne_brainae.make_report(
    ...     model, data.test, data.images
    ... )  # doctest: +SKIP
    >>> report.save("report.html")  # doctest: +SKIP
    """
    for region, channels in ({} if regions is None else regions).items():
        region_rows(region, channels, model.info_["ch_names"])
    names = check_image_names(epochs)
    shown = list(names.unique())
    images = image_paths(epochs, names) if images is None else images
    features = model.compute_features(images, names=shown)
    averaged = average_repetitions(epochs, picks=_observed(model, epochs))
    page = _Page(title or f"{type(model).__name__}: {len(shown)} test images")
    page.add_data(model, averaged)
    page.add_training(model)
    protocols = {}
    if isinstance(model, PredictsResponses):
        regions = _regions(model.info_) if regions is None else regions
        regions = without(regions, missing_channels(epochs, model.info_))
        predicted = model.predict_epochs(features)
        triple = (epochs, predicted, model.evoked_)
        scores = _score_encoding(
            triple,
            regions,
            n_splits=n_splits,
            n_bootstraps=n_bootstraps,
            random_state=seed_from(random_state),
        )
        page.add_encoding(scores, averaged, predicted, regions)
        page.add_similarity(score_similarity(*triple, regions=_of_figure(regions)))
        protocols["Encoding scores"] = scores["all channels"].protocol
    if isinstance(model, IdentifiesImages):
        found = _identify(model, averaged, features, templates)
        page.add_decoding(found)
        protocols |= {
            name.capitalize(): these.protocol for name, these in found.items()
        }
    page.add_protocol(protocols, averaged)
    return page.report


def _observed(model, epochs: mne.BaseEpochs) -> list[str]:
    """Return the channels of the model that are good in the epochs."""
    missing = missing_channels(epochs, model.info_)
    return [name for name in model.info_["ch_names"] if name not in missing]


def _score_encoding(
    triple: tuple, regions: Mapping, **options
) -> dict[str, EncodingScores]:
    """Score all channels, every type and, where they are known, the visual ones."""
    scores = {"all channels": score_encoding(*triple, **options)}
    kinds = scores["all channels"].r_map.get_channel_types()
    if len(set(kinds)) > 1:
        for kind in dict.fromkeys(kinds):
            scores[kind] = score_encoding(*triple, picks=kind, **options)
    if visual := regions.get("visual"):
        scores["visual channels"] = score_encoding(*triple, picks=visual, **options)
    return scores


def _identify(model, averaged, features, templates) -> dict[str, Identification]:
    """Retrieve images and, with templates, classify concepts."""
    found = {"retrieval": model.retrieve(averaged, features)}
    if templates is not None:
        found["classification"] = model.classify(averaged, templates)
    return found


@verbose
def write_report(
    report: mne.Report, fname, *, overwrite: bool = False, verbose=None
) -> None:
    """Write a report as one HTML file that contains its figures and scripts.

    Parameters
    ----------
    report : instance of Report
        The page.
    fname : path-like
        The file; its name must end in ``.html``.
    overwrite : bool
        Whether an existing file may be replaced.
    verbose : bool | str | int | None
        Control verbosity of the logging output, as everywhere in MNE-Python.
    """
    check_new_file(fname, ".html", overwrite=overwrite)
    with replacing(fname) as temporary:
        report.save(temporary, open_browser=False, overwrite=True, verbose="ERROR")
    logger.info(f"Wrote {fname}.")


def _regions(info: mne.Info) -> dict:
    try:
        return channel_regions(info)
    except ValueError:  # the channel names do not say where the channels are
        return {}


def _of_figure(regions: Mapping) -> dict | None:
    """Return the regions of Figure 2a, or else all regions, or None."""
    chosen = {name: regions[name] for name in REGIONS if name in regions}
    return chosen or dict(regions) or None


class _Page:
    """The report while it is written, section by section."""

    def __init__(self, title: str):
        self.report = mne.Report(title=title, verbose="ERROR")

    def figure(self, section: str, title: str, figure, caption: str = "") -> None:
        import matplotlib.pyplot as plt

        self.report.add_figure(
            figure, title, caption=caption or None, image_format="png", section=section
        )
        plt.close(figure)

    def table(self, section: str, title: str, table: pd.DataFrame) -> None:
        html = table.to_html(classes="table table-striped", border=0, na_rep="")
        self.report.add_html(html, title, section=section)

    def text(self, section: str, title: str, values: Mapping) -> None:
        rows = pd.Series({k: str(v) for k, v in values.items()}).to_frame("")
        self.table(section, title, rows)

    def add_data(self, model, averaged: mne.BaseEpochs) -> None:
        section = "Data"
        numbers = averaged.metadata["n_averaged"]
        facts = {
            "test images": len(averaged),
            "trials per test image": f"{numbers.min()} to {numbers.max()}",
            "training images": len(model.train_images_),
            "channels": len(model.info_["ch_names"]),
            "channel types": ", ".join(dict.fromkeys(model.info_.get_channel_types())),
            "units": units_of(model.info_),
            "channels missing": describe_missing(
                dict.fromkeys(
                    set(model.info_["ch_names"]) - set(averaged.ch_names),
                    "absent or bad",
                )
            ),
            "sampling frequency": f"{model.info_['sfreq']:g} Hz",
            "times": f"{model.times_[0]:g} to {model.times_[-1]:g} s",
        }
        if "concept" in averaged.metadata:
            facts["test concepts"] = averaged.metadata["concept"].nunique()
        self.text(section, "Summary", facts)
        mean = averaged.average()
        mean.comment = "mean test response"
        figure = plot_mean_response(mean, show=False)
        self.figure(section, "Mean test response", figure)

    def add_training(self, model) -> None:
        section = "Training"
        self.text(section, "Model", _training_facts(model))
        if len(getattr(model, "history_", ())):
            self.figure(section, "Losses", plot_history(model, show=False))
        figure = plot_mean_response(model.evoked_, show=False)
        self.figure(
            section,
            "Mean training response",
            figure,
            "The baseline, which is the same for every image.",
        )

    def add_encoding(
        self, scores: dict[str, EncodingScores], averaged, predicted, regions: Mapping
    ) -> None:
        section = "Encoding"
        for name, these in scores.items():
            self.table(section, f"Scores, {name}", these._summary())
        for name, these in scores.items():
            figure = these.plot(show=False)
            self.figure(section, f"Against time, {name}", figure)
        whole = scores["all channels"]
        for figure, title in _maps(whole, regions):
            self.figure(section, title, figure)
        ranked = whole.per_image["r_pattern (prediction)"].sort_values()
        both = averaged, predicted
        kinds = whole.r_map.get_channel_types(unique=True)
        for word, place in (("Best", -1), ("Median", len(ranked) // 2), ("Worst", 0)):
            image, r = ranked.index[place], ranked.iloc[place]
            for kind in kinds:
                channels = _of_type(averaged, kind)
                pair = (_response(each, image, channels) for each in both)
                self.figure(
                    section,
                    f"{word} image: {image}" + (f", {kind}" if len(kinds) > 1 else ""),
                    plot_comparison(*pair, show=False),
                    f"r over all channels and times: {r:.2f}.",
                )

    def add_similarity(self, similarity: ResponseSimilarity) -> None:
        section = "Time, space and frequency"
        self.table(section, "Similarity to the measured responses", similarity.table)
        if similarity.left_out:
            left_out = {f"{a} in {b}": r for (a, b), r in similarity.left_out.items()}
            self.text(section, "Bands left out", left_out)
        for title, figure in _figures(similarity):
            self.figure(section, title, figure)

    def add_decoding(self, found: dict[str, Identification]) -> None:
        section = "Decoding"
        rows = {
            name: {
                f"{kind} {k}": value
                for k in (1, 5)
                for kind, value in (
                    ("top", these.top_k(min(k, len(these.candidates)))),
                    ("chance of top", these.chance(min(k, len(these.candidates)))),
                )
            }
            for name, these in found.items()
        }
        self.table(section, "Accuracy", pd.DataFrame(rows).T.round(4))
        for name, these in found.items():
            self.figure(section, name.capitalize(), these.plot(show=False))

    def add_protocol(self, protocols: Mapping[str, dict], averaged) -> None:
        section = "Protocol and versions"
        for title, protocol in protocols.items():
            self.text(section, title, protocol)
        figure = plot_repetitions(averaged.metadata["n_averaged"], show=False)
        self.figure(section, "Repetitions", figure)
        versions = {name: version(name) for name in PACKAGES}
        self.text(section, "Versions", versions)


def _training_facts(model) -> dict:
    """Return how the model was chosen, and how much of its prediction holds."""
    facts = {"model": model, "how it was chosen": model.selection_}
    if getattr(model, "slope_", None) is not None:
        facts["held-out slope"] = (
            f"{model.slope_:.2f}: the part of the predicted deviation from the mean "
            "response that holds for images that were held out"
        )
    return facts


def _response(epochs: mne.BaseEpochs, image: str, channels: list[str]) -> mne.Evoked:
    row = int(np.flatnonzero(check_image_names(epochs) == image)[0])
    return epochs[row].average(picks=channels)


def _of_type(epochs: mne.BaseEpochs, kind: str) -> list[str]:
    kinds = zip(epochs.ch_names, epochs.get_channel_types(), strict=True)
    return [name for name, each in kinds if each == kind]


def _maps(scores: EncodingScores, regions: Mapping) -> Iterator[tuple]:
    """Draw where and when responses are predicted."""
    r_map = scores.r_map
    areas = {area: regions[area] for area in AREAS if area in regions}
    if areas and has_positions(r_map.info):
        yield plot_area_maps(r_map, areas, vlim=(-1, 1), show=False), "Areas"
    if len(r_map.times) == 1:
        return
    for kind in dict.fromkeys(r_map.get_channel_types()):
        figure = r_map.plot_image(
            picks=kind,
            scalings={kind: 1},
            units={kind: "r"},
            clim={kind: (-1, 1)},
            titles={kind: f"r over images, {kind}"},
            show=False,
        )
        yield figure, f"Channels and times, {kind}"
        if kind in TOPOGRAPHIC and has_positions(r_map.info):
            figure = r_map.plot_topomap(
                "peaks", ch_type=kind, scalings=1, units="r", vlim=(-1, 1), show=False
            )
            yield figure, f"Topographies, {kind}"


def _figures(similarity: ResponseSimilarity) -> Iterator[tuple]:
    """Draw the four parts of Figure 2, as far as the window allows."""
    yield "Time courses", similarity.plot_time_courses(show=False)
    if "power" in similarity.measured:
        yield "Power", similarity.plot_power(show=False)
    yield "Channel correlation", similarity.plot_correlation(show=False)
    for band in similarity.measured.get("pli", ()):
        yield f"Phase lag, {band}", similarity.plot_phase_lag(band, show=False)
        if len(similarity.measured["correlation"]) <= MOST_ON_CIRCLE:
            yield (
                f"Largest phase lags, {band}",
                similarity.plot_circle(band, show=False),
            )
