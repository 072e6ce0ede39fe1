"""One page about a fitted model: what it was given, and how well it does."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version

import mne
import numpy as np
import pandas as pd

from .images.pairing import image_paths
from .images.thumbnails import pictures_of, thumbnails
from .models.decoding import IdentifiesImages
from .models.encoding import PredictsResponses
from .models.model import Model
from .models.systems.linear_encoding import LinearEncodingModel
from .preprocessing.averaging import average_repetitions
from .preprocessing.recorded import describe_missing, missing_channels
from .preprocessing.regions import channel_regions
from .scoring.encoding import (
    CEILING,
    MEAN,
    PREDICTION,
    EncodingScores,
    score_encoding,
    score_parts,
)
from .scoring.identification import Identification
from .scoring.result import SEEN
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
    counted,
    logger,
    seed_from,
    verbose,
)
from .utils.constraints import checked, integer
from .utils.docs import fill_doc
from .utils.files import replacing
from .utils.units import units_of
from .viz.encoding import plot_history, plot_repetitions
from .viz.fields import has_positions, plot_area_maps
from .viz.responses import plot_comparison, plot_mean_response

#: Packages whose versions decide over a result.
PACKAGES = ("mne_brainae", "mne", "mne-connectivity", "numpy", "scipy", "torch")
#: Areas whose electrode arrays are drawn separately.
AREAS = ("V1", "V4", "IT")
#: The regions of Figure 2a.
REGIONS = ("occipital", "temporal", "parietal")
#: Scores of all channels, of ridge regression, and identification with probabilities.
WHOLE, RIDGE = "all channels", "ridge regression"
BY_LIKELIHOOD = "retrieval by likelihood"
#: More channel names than this are not legible around a circle.
MOST_ON_CIRCLE = 80


@checked(
    model=[Model],
    epochs=check_epochs,
    epochs_train=[mne.BaseEpochs, None],
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
    epochs_train: mne.BaseEpochs | None = None,
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
    epochs_train : instance of Epochs | None
        The epochs that the model was fitted to, for ridge regression on the same images
        to be scored beside it; ``images`` have these images as well then. None leaves
        it out.
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
        The page. Its sections are summary; data; model; encoding; images; time, space
        and frequency; decoding; protocol and versions. Save it by ``report.save``.

    Raises
    ------
    RuntimeError
        If the model was fitted without images.

    See Also
    --------
    mne_brainae.score_encoding
    mne_brainae.Identification

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
    pictures = thumbnails(shown, pictures_of(images, shown, epochs) or {})
    averaged = average_repetitions(epochs, picks=_observed(model, epochs))
    page = _Page(title or f"{type(model).__name__}: {len(shown)} test images")
    protocols, scores, found = {}, {}, {}
    if isinstance(model, PredictsResponses):
        regions = _regions(model.info_) if regions is None else regions
        regions = without(regions, missing_channels(epochs, model.info_))
        predicted = model.predict_epochs(features, like=epochs)
        triple = (epochs, predicted, model.evoked_)
        options = {
            "n_splits": n_splits,
            "n_bootstraps": n_bootstraps,
            "random_state": seed_from(random_state),
        }
        scores = score_parts(*triple, _parts(model, epochs, regions), **options)
        protocols["Encoding scores"] = scores[WHOLE].protocol
        if epochs_train is not None:
            ridge = predict_by_ridge(model, epochs_train, images, features)
            # Of ridge regression the page has two means, which need no halves.
            means = {"n_splits": 1, "n_bootstraps": 0}
            scores[RIDGE] = score_encoding(epochs, ridge, model.evoked_, **means)
    if isinstance(model, IdentifiesImages):
        found = _identify(model, averaged, features, templates)
        protocols |= {
            name.capitalize(): these.protocol for name, these in found.items()
        }
    page.add_summary(model, averaged, scores, found)
    page.add_data(model, averaged)
    page.add_model(model)
    if scores:
        scores.pop(RIDGE, None)
        page.add_encoding(scores, regions)
        page.add_images(scores[WHOLE], averaged, predicted, pictures)
        page.add_similarity(score_similarity(*triple, regions=_of_figure(regions)))
    if found:
        page.add_decoding(found, pictures)
    page.add_protocol(protocols)
    return page.report


def _observed(model, epochs: mne.BaseEpochs) -> list[str]:
    """Return the channels of the model that are good in the epochs."""
    missing = missing_channels(epochs, model.info_)
    return [name for name in model.info_["ch_names"] if name not in missing]


def predict_by_ridge(model, epochs_train, images, features) -> mne.EpochsArray:
    """Predict the test images by ridge regression on the training of the model.

    Parameters
    ----------
    model : instance of Model
        The fitted model, whose channels and image features are taken.
    epochs_train : instance of Epochs
        The training epochs.
    images : path-like | list | dict | DataFrame
        All images.
    features : DataFrame, shape (n_images, n_features)
        The features of the test images.

    Returns
    -------
    predicted : instance of EpochsArray
        One response per test image.
    """
    trained = check_image_names(epochs_train)
    known = model.compute_features(images, names=list(trained.unique()))
    ridge = LinearEncodingModel(picks=model.info_["ch_names"])
    with mne.utils.use_log_level("WARNING"):
        return ridge.fit(epochs_train, known).predict_epochs(features)


def _parts(model, epochs, regions: Mapping) -> dict:
    """Return all channels, every type and, where they are known, the visual ones."""
    kinds = dict(
        zip(model.info_["ch_names"], model.info_.get_channel_types(), strict=True)
    )
    observed = dict.fromkeys(kinds[name] for name in _observed(model, epochs))
    parts = {WHOLE: None}
    if len(observed) > 1:
        parts |= {kind: kind for kind in observed}
    if visual := regions.get("visual"):
        parts["visual channels"] = visual
    return parts


def _identify(model, averaged, features, templates) -> dict[str, Identification]:
    """Retrieve images and, with templates, classify concepts."""
    found = {"retrieval": model.retrieve(averaged, features)}
    if "likelihood" in model.latent_.similarities:
        found[BY_LIKELIHOOD] = model.retrieve(
            averaged, features, similarity="likelihood"
        )
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
        look = {"classes": "table table-striped", "border": 0, "justify": "left"}
        html = table.to_html(na_rep="", **look)
        self.report.add_html(html, title, section=section)

    def text(self, section: str, title: str, values: Mapping) -> None:
        rows = pd.Series({k: str(v) for k, v in values.items()}).to_frame("")
        self.table(section, title, rows)

    def add_summary(self, model, averaged, scores: dict, found: dict) -> None:
        section = "Summary"
        lines = "".join(
            f"<p>{line}</p>" for line in _sentences(model, averaged, scores, found)
        )
        self.report.add_html(lines, "In words", section=section)
        self.table(section, "In numbers", _key_figures(scores, found))

    def add_data(self, model, averaged: mne.BaseEpochs) -> None:
        section = "Data"
        facts = {
            "test images": len(averaged),
            "trials per test image": _trials(averaged),
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
        self.text(section, "What was recorded", facts)
        mean = averaged.average(picks="all")
        mean.comment = "mean test response"
        figure = plot_mean_response(mean, show=False)
        self.figure(section, "Mean test response", figure)
        figure = plot_mean_response(model.evoked_, show=False)
        self.figure(
            section,
            "Mean training response",
            figure,
            "The baseline, which is the same for every image.",
        )
        figure = plot_repetitions(averaged.metadata["n_averaged"], show=False)
        self.figure(section, "Repetitions", figure)

    def add_model(self, model) -> None:
        section = "Model"
        self.text(section, "Model and split", _training_facts(model))
        if len(getattr(model, "history_", ())):
            self.figure(section, "Losses", plot_history(model, show=False))

    def add_encoding(self, scores: dict[str, EncodingScores], regions: Mapping) -> None:
        section = "Encoding"
        for name, these in scores.items():
            self.table(section, f"Scores, {name}", these._summary())
        whole = scores[WHOLE]
        for name, these in scores.items() if len(whole.r_map.times) > 1 else ():
            figure = these.plot(show=False)
            self.figure(section, f"When, {name}", figure)
        self.figure(section, "Where", whole.plot_channels(show=False))
        for figure, title in _maps(whole, regions):
            self.figure(section, title, figure)

    def add_images(self, scores: EncodingScores, averaged, predicted, pictures) -> None:
        section = "Images"
        ranked = scores.per_image["r_pattern (prediction)"].sort_values()
        both = averaged, predicted
        for word, place in (("Best", -1), ("Worst", 0)):
            image, r = ranked.index[place], ranked.iloc[place]
            pair = (_response(each, image, averaged.ch_names) for each in both)
            self.figure(
                section,
                f"{word} predicted image: {image}",
                plot_comparison(*pair, image=pictures.get(image), show=False),
                f"r over all channels and times: {r:.2f}.",
            )

    def add_similarity(self, similarity: ResponseSimilarity) -> None:
        section = "Time, space and frequency"
        self.table(section, "Similarity to the measured responses", similarity.table)
        if similarity.left_out and len(similarity.measured["epochs"].times) > 1:
            left_out = {f"{a} in {b}": r for (a, b), r in similarity.left_out.items()}
            self.text(section, "Bands left out", left_out)
        for title, figure in _figures(similarity):
            self.figure(section, title, figure)

    def add_decoding(self, found: dict[str, Identification], pictures: dict) -> None:
        section = "Decoding"
        tables = {name: these.scores() for name, these in found.items()}
        table = pd.concat(tables).rename_axis(["task", "guesses"]).reset_index()
        self.table(section, "Accuracy", table.set_index("task").round(4))
        for name, these in found.items():
            self.figure(section, name.capitalize(), these.plot(show=False))
        if pictures:
            shown = found.get(BY_LIKELIHOOD, found["retrieval"])
            figure = shown.plot_gallery(pictures, show=False)
            caption = "The first test images; guesses that are right are framed."
            self.figure(section, "What was seen, and the guesses", figure, caption)

    def add_protocol(self, protocols: Mapping[str, dict]) -> None:
        section = "Protocol and versions"
        for title, protocol in protocols.items():
            self.text(section, title, protocol)
        versions = {name: version(name) for name in PACKAGES}
        self.text(section, "Versions", versions)


def _sentences(model, averaged, scores: dict, found: dict) -> Iterator[str]:
    """Say what was done and what came out, for a reader who knows none of it."""
    info, times = model.info_, model.times_
    kinds = pd.Series(info.get_channel_types()).value_counts(sort=False)
    channels = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    window = "one sample of each"
    if len(times) > 1:
        window = f"from {times[0]:g} to {times[-1]:g} s at {info['sfreq']:g} Hz"
    yield (
        f"Responses of {channels} channels, {window}. The model was fitted on "
        f"{counted(len(model.train_images_), 'image')} and tested on "
        f"{counted(len(averaged), 'image')}, averaged over {_trials(averaged)} each."
    )
    for these in list(found.values())[:1]:
        yield f"Of the test images, {these.protocol[SEEN] or 'none'} were seen in fit."
    if scores:
        yield _say_encoding(scores)
    if found:
        yield _say_decoding(found["retrieval"])


def _trials(averaged: mne.BaseEpochs) -> str:
    """Say how many trials of an image were averaged."""
    least, most = averaged.metadata["n_averaged"].agg(["min", "max"])
    return counted(least, "trial") if least == most else f"{least} to {most} trials"


def _say_encoding(scores: dict) -> str:
    """Say how well responses are predicted, beside what bounds the answer."""
    whole = scores[WHOLE]
    column, low, high = (t["r_images"] for t in (whole.table, whole.low, whole.high))
    others = [f"The mean response scores {column[MEAN]:.2f}"]
    if RIDGE in scores:
        r = scores[RIDGE].table.loc[PREDICTION, "r_images"]
        others.append(f"ridge regression {r:.2f}")
    if np.isfinite(column[CEILING]):
        others.append(f"a perfect model {column[CEILING]:.2f} (noise ceiling)")
    *first, last = others
    beside = f"{', '.join(first)} and {last}" if first else last
    best = whole.r_map.data.mean(axis=0).argmax()
    when = f" It is best at {whole.r_map.times[best]:.2f} s." if best else ""
    interval = f" (95 % interval {low[PREDICTION]:.2f} to {high[PREDICTION]:.2f})"
    if not np.isfinite(low[PREDICTION]):
        interval = ""
    return (
        "Encoding: over images, predicted and measured responses correlate by "
        f"{column[PREDICTION]:.2f}{interval}, mean over channels and times. {beside}."
        + when
    )


def _say_decoding(these: Identification) -> str:
    """Say how often the image that was seen is found."""
    low, high = these.interval()
    return (
        "Decoding: the image that was seen is the first guess among "
        f"{len(these.candidates)} for {100 * these.top_k():.1f} % of the responses (95 "
        f"% interval {100 * low:.1f} to {100 * high:.1f} %). Guessing finds "
        f"{100 * these.chance():.1f} %."
    )


def _key_figures(scores: dict, found: dict) -> pd.DataFrame:
    """Return the scores of the model and of what it is compared with, a row each."""
    rows = {name: {} for name in ("model", RIDGE, MEAN, CEILING, "chance")}
    if scores:
        table = scores[WHOLE].table[["r_images", "r_pattern"]]
        rows["model"] |= table.loc[PREDICTION]
        rows[MEAN] |= table.loc[MEAN]
        rows[CEILING] |= table.loc[CEILING].dropna()
    if RIDGE in scores:
        rows[RIDGE] |= scores[RIDGE].table.loc[PREDICTION, ["r_images", "r_pattern"]]
    if found:
        table = found["retrieval"].scores()
        rows["model"] |= table["accuracy"]
        rows["chance"] |= table["chance"]
    return pd.DataFrame({k: v for k, v in rows.items() if v}).T.round(3)


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


def _maps(scores: EncodingScores, regions: Mapping) -> Iterator[tuple]:
    """Draw where and when responses are predicted."""
    r_map = scores.r_map
    areas = {area: regions[area] for area in AREAS if area in regions}
    if areas and has_positions(r_map.info):
        yield (
            plot_area_maps(
                r_map, areas, scalings=1, units="r", vlim=(-1, 1), show=False
            ),
            "Areas",
        )
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


def _figures(similarity: ResponseSimilarity) -> Iterator[tuple]:
    """Draw the four parts of Figure 2, as far as the window allows."""
    has_courses = len(similarity.measured["epochs"].times) > 1
    title = "Time courses" if has_courses else "Responses over images"
    yield title, similarity.plot_time_courses(show=False)
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
