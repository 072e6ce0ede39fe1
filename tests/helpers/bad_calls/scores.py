"""Bad calls of what scores, prepares and compares responses."""

from dataclasses import replace

import numpy as np
import pandas as pd

import mne_brainae as m

from .row import COUNTS, OPTIONS, POSITIVES, SHARES, BadCall, bad_params

NAN = float("nan")
SEEDS = ("today", 1.5, -1)
PICKS = ("nonsense", [99], 1.5)
BANDS = (
    "alpha",
    {"a": 3},
    {"a": (8.0,)},
    {"a": (13.0, 8.0)},
    {"a": ("low", "high")},
    {"a": (NAN, 3.0)},
    {},
    3,
)


def preparing():
    """Yield the calls that prepare epochs."""
    yield from bad_params(
        "average_repetitions",
        lambda w, **p: m.average_repetitions(w.train, **p),
        by=("nonsense", 3, None),
        picks=PICKS,
    )
    yield from bad_params(
        "make_mask",
        lambda w, **p: m.make_mask(**({"kind": "random", "shape": (4, 3, 10)} | p)),
        kind=OPTIONS,
        shape=((4, 3), 3, "abc", (0, 3, 4), (4, -1, 3), (4, 1.5, 3), None),
        ratio=(*SHARES, 0, 1),
        block=COUNTS,
        random_state=SEEDS,
    )
    yield from bad_params(
        "mask_epochs",
        lambda w, **p: m.mask_epochs(w.train, **p),
        kind=(*OPTIONS, np.zeros((2, 2), bool), np.zeros((6, 20))),
        ratio=(*SHARES, 0, 1),
        block_length=(*POSITIVES, -1, float("inf")),
        picks=PICKS,
        random_state=SEEDS,
    )
    yield from bad_params(
        "split_epochs",
        lambda w, **p: list(m.split_epochs(w.train, **({"by": "session"} | p))),
        by=("nonsense", 3, None),
        n_splits=(0, 1, 1.5, "3", 100),
        disjoint=("nonsense", 3, ["nonsense"]),
    )
    yield from bad_params(
        "channel_regions",
        lambda w, **p: m.channel_regions(**p),
        info=(3, None, "info", {}),
    )
    yield from bad_params(
        "band_power",
        lambda w, **p: m.band_power(w.train, **p),
        bands=BANDS,
        picks=PICKS,
    )
    yield from bad_params(
        "phase_lag",
        lambda w, **p: m.phase_lag(w.train, **({"bands": {"f": (30.0, 45.0)}} | p)),
        method=OPTIONS,
        bands=BANDS,
        picks=PICKS,
        n_jobs=(0, 1.5, "many"),
    )
    yield from bad_params(
        "channel_correlation",
        lambda w, **p: m.channel_correlation(w.train, **p),
        picks=PICKS,
    )
    yield from bad_params(
        "MVNN.whitener",
        lambda w, **p: w.mvnn.whitener(**p),
        session=("nonsense", 3),
    )


def identifying():
    """Yield the methods of an identification."""
    for method in ("top_k", "chance", "best", "interval", "p_value", "accuracy_by"):
        yield from bad_params(
            f"Identification.{method}",
            lambda w, method=method, **p: getattr(w.found, method)(**p),
            k=(*COUNTS, 100, NAN),
        )
    for method in ("top_k", "chance"):
        yield from bad_params(
            f"Identification.{method}",
            lambda w, method=method, **p: getattr(w.found, method)(**p),
            n_way=(1, 0, 1.5, "3", 100),
        )
    yield from bad_params(
        "Identification.interval",
        lambda w, **p: w.found.interval(**p),
        level=(0, 1, *SHARES),
    )
    yield from bad_params(
        "Identification.scores",
        lambda w, **p: w.found.scores(**p),
        ks=(3, "top", (1.5,), (0,), ()),
        level=(0, 1, "high"),
    )
    for method in ("accuracy_by", "confusion"):
        yield from bad_params(
            f"Identification.{method}",
            lambda w, method=method, **p: getattr(w.found, method)(**p),
            groups=({}, {"a": "b"}, 3, "concept"),
        )
    yield from bad_params(
        "Identification.confusion",
        lambda w, **p: w.found.confusion(**p),
        normalize=("no", 2),
    )
    yield from bad_params(
        "Identification.sub_gallery",
        lambda w, **p: w.found.sub_gallery(**({"n_candidates": 3} | p)),
        n_candidates=(1, 1.5, "3", 100),
        random_state=SEEDS,
    )
    yield from bad_params(
        "Identification",
        lambda w, **p: m.Identification(
            **(
                {
                    "similarity": np.eye(3),
                    "candidates": list("abc"),
                    "truth": list("abc"),
                }
                | p
            )
        ),
        similarity=(
            np.eye(2),
            np.zeros(3),
            "high",
            None,
            np.eye(3) * 1j,
            np.full((3, 3), "a"),
        ),
        candidates=(list("aab"), "abc", 3),
        truth=(3, "abc"),
    )
    yield BadCall(
        "Identification of what is not a candidate",
        lambda w: m.Identification(np.eye(3), list("abc"), list("abd")),
        ("The gallery", "'d'"),
    )
    yield from bad_params(
        "Identification.posterior",
        lambda w, **p: replace(w.found, is_log_likelihood=True).posterior(**p),
        prior=(3, "a", [1, 2], {}, {"nobody": 1}),
    )
    yield from bad_params(
        "Identification.sets",
        lambda w, **p: replace(w.found, is_log_likelihood=True).sets(**p),
        level=(*SHARES, 0, 1),
        method=("nonsense", 3, "residual"),
        random_state=SEEDS,
    )
    yield BadCall(
        "probabilities of cosines",
        lambda w: replace(w.found, is_log_likelihood=False).probabilities,
        ("similarity='likelihood'",),
    )
    yield BadCall(
        "prior of text",
        lambda w: replace(w.found, is_log_likelihood=True).posterior(
            dict.fromkeys(w.found.candidates, "often")
        ),
        ("prior", "often"),
    )
    yield from bad_params(
        "Calibration.accuracy_above",
        lambda w, **p: (
            replace(w.found, is_log_likelihood=True).calibration().accuracy_above(**p)
        ),
        threshold=("high", None, 1j),
    )
    yield from bad_params(
        "retrieve",
        lambda w, **p: w.linear.retrieve(w.averaged, w.features_test, **p),
        none=("no", 2, None),
    )
    yield BadCall(
        "none of these, of few concepts",
        lambda w: w.linear.retrieve(
            w.averaged, w.features_test, similarity="likelihood", none=True
        ),
        ("at least 40 concepts",),
    )
    yield from bad_params(
        "score_over_time",
        lambda w, **p: m.score_over_time(
            **({"epochs": w.train, "features": w.features_train} | p)
        ),
        epochs=(3, None),
        features=(3, None, np.ones((3, 2))),
        score=OPTIONS,
        by=(3, None, "nothing"),
        n_splits=(*COUNTS, 1, 1000),
        generalize=("no", 2, None, True),
        picks=("nothing",),
        random_state=SEEDS,
    )
    yield from bad_params(
        "find_time_clusters",
        lambda w, **p: m.find_time_clusters(
            **({"scores": 6 * [m.TimeScores(np.arange(3.0), np.arange(3), 0.0)]} | p)
        ),
        scores=(3, None, [], [3]),
        level=(*SHARES, 0, 1),
        n_permutations=COUNTS,
        random_state=SEEDS,
    )
    yield from bad_params(
        "share_variance",
        lambda w, **p: m.share_variance(
            **(
                {"epochs": w.train, "features": w.features_train}
                | {"groups": {"a": [0, 1], "b": [2, 3, 4]}}
                | p
            )
        ),
        epochs=(3, None),
        features=(3, None, np.ones((3, 2))),
        groups=(3, None, "layer", {}, {"a": [0]}, {"a": [0], "b": ["no"]}),
        by=(3, None, "nothing"),
        n_splits=(*COUNTS, 1, 1000),
        n_draws=COUNTS,
        picks=("nothing",),
        random_state=SEEDS,
    )
    yield from bad_params(
        "find_images",
        lambda w, **p: m.find_images(
            **(
                {"model": w.linear, "images": w.features_test, "target": "different"}
                | {"k": 2}
                | p
            )
        ),
        model=(3, None, "best", m.Training()),
        images=(None, np.zeros((0, 5))),
        target=(3, None, "best", np.ones(3), np.zeros((6, 20)), np.full((6, 20), 1j)),
        k=(*COUNTS, 100),
    )
    yield from bad_params(
        "score_coverage",
        lambda w, **p: m.score_coverage(
            **({"model": w.linear, "epochs": w.test, "images": w.features_test} | p)
        ),
        model=(3, None, "best", m.Training()),
        epochs=(3, None),
        levels=(3, "many", [], [0.0], [1], ["half"]),
    )
    yield from bad_params(
        "predict_evoked",
        lambda w, **p: w.linear.predict_evoked(
            w.features_test, **({"interval": 0.9} | p)
        ),
        interval=(*SHARES, 0, 1),
        n_averaged=(0, -1, "many", float("nan")),
    )
    yield from bad_params(
        "plan_experiment",
        lambda w, **p: m.plan_experiment(
            **({"model": w.linear, "images": w.features_test} | p)
        ),
        model=(3, None, "best", m.Training()),
        images=(None,),
        n_repetitions=(3, "many", [], [0], [1.5], ["two"]),
        n_candidates=(3, "many", [], [1], [10**6], ["two"]),
        random_state=SEEDS,
    )
    yield BadCall("pool nothing", lambda w: m.pool_identifications([]), ("found",))
    yield BadCall("pool a number", lambda w: m.pool_identifications(3), ("found",))
    yield BadCall(
        "pool one", lambda w: m.pool_identifications(w.found), ("found", "list")
    )
    yield BadCall(
        "pool others", lambda w: m.pool_identifications([w.found, 3]), ("found",)
    )
    yield BadCall(
        "pool other candidates",
        lambda w: m.pool_identifications(
            [w.found, m.Identification(np.eye(2), ["a", "b"], ["a", "b"])]
        ),
        ("same candidates",),
    )


def occluding():
    """Yield what hides parts of responses."""

    def times(w, **p):
        given = {
            "identify": w.identify,
            "epochs": w.averaged,
            "mean_response": w.linear.evoked_,
        }
        return m.occlude_times(**(given | p))

    def channels(w, **p):
        given = {
            "identify": w.identify,
            "epochs": w.averaged,
            "mean_response": w.linear.evoked_,
        }
        return m.occlude_channels(**(given | p))

    yield BadCall(
        "occlude_times(epochs, ...)",
        lambda w: m.occlude_times(w.averaged, w.identify, w.linear.evoked_),
        ("identify",),
    )
    yield BadCall(
        "occlude_channels(epochs, ...)",
        lambda w: m.occlude_channels(w.averaged, w.identify, w.linear.evoked_),
        ("identify",),
    )
    for name, call in (("occlude_times", times), ("occlude_channels", channels)):
        yield from bad_params(
            name,
            call,
            identify=(3, None, "retrieve", lambda epochs: 3),
            mean_response=(3, None, "mean"),
            k=(*COUNTS, 100),
        )
    yield from bad_params(
        "occlude_times",
        times,
        kind=OPTIONS,
        window=(*POSITIVES, 100.0),
        step=POSITIVES,
    )
    yield from bad_params(
        "occlude_channels",
        channels,
        regions=({}, {"a": ["nonsense"]}, {"a": []}, 3, ["Oz"]),
    )
    yield from bad_params(
        "score_consistency",
        lambda w, **p: m.score_consistency(
            **({"r_map": w.linear.evoked_, "occlusion": w.occlusion} | p)
        ),
        r_map=(3, None),
        occlusion=(3, None),
    )
    yield from bad_params(
        "score_averages",
        lambda w, **p: m.score_averages(
            **({"identify": w.identify, "epochs": w.test} | p)
        ),
        identify=(3, None, lambda epochs: 3),
        n_averaged=([0], [1.5], [100], "all", 3, []),
        n_draws=COUNTS,
        random_state=SEEDS,
    )


def comparing():
    """Yield what compares responses and representations."""
    yield from bad_params(
        "score_encoding",
        lambda w, **p: m.score_encoding(
            w.test, w.predicted, **({"mean_response": w.linear.evoked_} | p)
        ),
        mean_response=(3, None, "mean"),
        picks=PICKS,
        n_splits=COUNTS,
        n_bootstraps=(-1, 1.5, "3"),
        random_state=SEEDS,
    )
    yield from bad_params(
        "EncodingScores.to_data_frame",
        lambda w, **p: w.scores.to_data_frame(**p),
        by=OPTIONS,
    )
    yield from bad_params(
        "score_similarity",
        lambda w, **p: m.score_similarity(
            w.test, w.predicted, **({"mean_response": w.linear.evoked_} | p)
        ),
        mean_response=(3, None),
        regions=({"a": []}, {"a": ["nonsense"]}, 3, ["Oz"], {}),
        bands=BANDS[:-2],
        methods=(["nonsense"], "nonsense", 3),
        picks=PICKS,
        n_jobs=(0, 1.5, "many"),
    )
    yield from bad_params(
        "ResponseSimilarity.plot_phase_lag",
        lambda w, **p: w.similarity.plot_phase_lag(**({"band": "fast"} | p)),
        band=("nonsense", 3),
        method=OPTIONS,
    )
    yield from bad_params(
        "ResponseSimilarity.plot_circle",
        lambda w, **p: w.similarity.plot_circle(**({"band": "fast"} | p)),
        band=("nonsense", 3),
        method=OPTIONS,
        n_lines=COUNTS,
    )
    yield from bad_params(
        "score_reconstruction",
        lambda w, **p: m.score_reconstruction(
            **(
                {
                    "model": w.linear,
                    "epochs": w.test,
                    "epochs_train": w.train,
                    "kinds": ["spatial"],
                    "ratios": [0.5],
                }
                | p
            )
        ),
        model=(3, None, m.LinearEncodingModel()),
        kinds=(["nonsense"], "nonsense", [], 3),
        ratios=([0], [1], ["half"], [], 0.5, [NAN]),
        block_length=POSITIVES,
        n_components=COUNTS,
        identify=(3, "retrieve"),
        random_state=SEEDS,
    )
    yield BadCall(
        "score_reconstruction of a model that was not fitted",
        lambda w: m.score_reconstruction(m.LinearBrainAE(), w.test),
        ("not fitted",),
    )
    yield from bad_params(
        "compute_rdm",
        lambda w, **p: m.compute_rdm(**({"patterns": w.features} | p)),
        patterns=(
            3,
            None,
            np.eye(3),
            pd.DataFrame(np.eye(2)),
            pd.DataFrame(np.full((4, 3), NAN)),
            pd.DataFrame([["a"] * 3] * 4),
            pd.DataFrame(np.eye(4) * 1j),
            pd.DataFrame(np.eye(3), index=list("aab")),
        ),
        metric=OPTIONS,
    )
    yield BadCall(
        "compute_rdm of constant rows",
        lambda w: m.compute_rdm(pd.DataFrame(np.ones((4, 3)))),
        ("patterns", "euclidean"),
    )
    rdms = (3, None, np.eye(3), pd.DataFrame(np.eye(2)), pd.DataFrame(np.ones((3, 4))))
    yield from bad_params(
        "compare_rdms",
        lambda w, **p: m.compare_rdms(**({"rdm": w.rdm, "rdm_other": w.rdm} | p)),
        rdm=(*rdms, pd.DataFrame([["a"] * 3] * 3), pd.DataFrame(np.eye(3) * 1j)),
        rdm_other=(*rdms, pd.DataFrame(np.eye(8) + NAN)),
        method=OPTIONS,
        n_permutations=COUNTS,
        random_state=SEEDS,
    )
    yield BadCall(
        "compare_rdms of other images",
        lambda w: m.compare_rdms(w.rdm, w.rdm.iloc[:4, :4]),
        ("same images",),
    )
    yield from bad_params(
        "compare_rdms_over_time",
        lambda w, **p: m.compare_rdms_over_time(w.test, **({"rdm": w.rdm} | p)),
        rdm=rdms,
        window=(-1.0, NAN, "long", 100.0),
        metric=OPTIONS,
        method=OPTIONS,
        n_permutations=COUNTS,
        picks=PICKS,
        random_state=SEEDS,
    )
    yield from bad_params(
        "contrast_categories",
        lambda w, **p: m.contrast_categories(
            **(
                {
                    "rdm": w.rdm,
                    "categories": {name: name[:7] for name in w.rdm.index},
                }
                | p
            )
        ),
        rdm=rdms,
        categories=({}, {"a": "b"}, 3, "animal", None),
        n_permutations=COUNTS,
        random_state=SEEDS,
    )
    yield from bad_params(
        "compare_subjects",
        lambda w, **p: m.compare_subjects(
            **({"scores": w.subjects, "reference": "a"} | p)
        ),
        scores=(
            3,
            None,
            np.ones((6, 2)),
            pd.DataFrame({"a": [1.0] * 3, "b": [2.0] * 3}),
            pd.DataFrame({"a": ["x"] * 6, "b": ["y"] * 6}),
            pd.DataFrame({"a": [1.0] * 6}),
            pd.DataFrame({"a": [NAN] * 6, "b": [1.0] * 6}),
        ),
        reference=("nonsense", 3, None),
        alternative=OPTIONS,
    )
    yield from bad_params(
        "make_report",
        lambda w, **p: m.make_report(
            **({"model": w.linear, "epochs": w.test, "images": w.features_test} | p)
        ),
        model=(3, None, "model.safetensors", m.BrainAE),
        regions=(3, {"a": ["nonsense"]}),
        n_splits=COUNTS,
        n_bootstraps=(-1, 1.5, "3"),
        random_state=SEEDS,
    )
    yield BadCall(
        "make_report of a model that was not fitted",
        lambda w: m.make_report(m.BrainAE(), w.test, w.features_test),
        ("not fitted",),
    )
    yield BadCall(
        "make_report of a model without images",
        lambda w: m.make_report(w.brain_only, w.test, w.features_test),
        ("without images",),
    )


def listening():
    """Yield the calls that decode a stream."""
    yield from bad_params(
        "LiveDecoder",
        lambda w, **p: m.LiveDecoder(
            **({"model": w.linear, "images": w.features_test} | p)
        ),
        model=(3, None, "model.safetensors"),
        images=(None,),
        templates=(3, "nonsense"),
        n_per_template=(0, 1.5, None),
        similarity=("nonsense", 3),
    )
    yield BadCall(
        "LiveDecoder.decode of an array",
        lambda w: w.live.decode(w.array),
        ("epochs",),
    )
    yield BadCall(
        "LiveDecoder.listen to epochs",
        lambda w: next(w.live.listen(w.test)),
        ("stream", "EpochsStream"),
    )
    for name, values in (("n_epochs", COUNTS), ("timeout", POSITIVES)):
        for value in values:
            yield BadCall(
                f"LiveDecoder.listen {name}={value!r}",
                lambda w, name=name, value=value: w.live.listen(
                    w.stream, **{name: value}
                ),
                (name,),
            )


def masking_brains():
    """Yield the calls that take images of the brain apart."""
    yield from bad_params(
        "epochs_from_imgs",
        lambda w, **p: m.epochs_from_imgs(
            **({"imgs": w.betas, "masker": w.masker, "metadata": w.betas_table} | p)
        ),
        imgs=(np.ones((3, 8)), np.full((2, 8), NAN), np.ones((2, 2, 8))),
        masker=(3, None, "mask.nii"),
        metadata=(3, None, ["a", "b"]),
    )
    yield from bad_params(
        "epochs_to_img",
        lambda w, **p: m.epochs_to_img(**({"epochs": w.test, "masker": w.masker} | p)),
        epochs=(3, None, np.ones((2, 8, 1))),
        masker=(3, None),
    )
    yield BadCall(
        "epochs_to_img of epochs in time",
        lambda w: m.epochs_to_img(w.test, w.masker),
        ("20 samples",),
    )
    yield BadCall(
        "predict_img without a masker",
        lambda w: w.linear.predict_img(w.features_test, None),
        ("masker", "NiftiMasker"),
    )


def rows():
    """Yield all rows of this table."""
    yield from listening()
    yield from masking_brains()
    yield from preparing()
    yield from identifying()
    yield from occluding()
    yield from comparing()
