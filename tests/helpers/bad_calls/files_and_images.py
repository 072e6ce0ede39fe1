"""Bad calls of what reads files and images, simulates, fits many and generates."""

import numpy as np
import pandas as pd
from PIL import Image

import mne_brainae as m
from mne_brainae import datasets, generation

from .row import COUNTS, FLAGS, OPTIONS, POSITIVES, BadCall, bad_params

NAN = float("nan")
SEEDS = ("today", 1.5, -1)


def images():
    """Yield the calls that read and encode images."""

    def compute(w, **p):
        return m.compute_image_features(**({"images": w.images, "cache": False} | p))

    yield from bad_params(
        "compute_image_features",
        compute,
        images=(3, None, [], {}, [3], {"a": 3}, {"a": None}, np.zeros((2, 3)), [None]),
        encoder=("nonsense", 3, None, "timm:"),
        names=("a", ["a", "a"], [], 3),
        layer=(1, "blocks"),
        pool=("mean", 2),
        pretrained=("random",),
        degradations=("nonsense", ["blur:2"], ["blur", "blur"], 3),
        device=(3,),
        batch_size=COUNTS,
        cache=(3,),
    )
    yield BadCall(
        "image that is in no folder",
        lambda w: m.compute_image_features(w.images, names=["nowhere"]),
        ("'nowhere'", "lacks"),
    )
    yield BadCall(
        "image of 0 x 0",
        lambda w: m.compute_image_features(Image.new("RGB", (0, 0))),
        ("image-0", "0 x 0"),
    )
    yield BadCall(
        "image of 0 x 5 in a mapping",
        lambda w: m.compute_image_features({"flat": Image.new("L", (0, 5))}),
        ("flat", "0 x 5"),
    )
    yield BadCall(
        "encoder of another width",
        lambda w: m.compute_image_features(w.images, lambda images: np.zeros(3)),
        ("shape", "image encoder"),
    )
    yield BadCall(
        "encoder of text",
        lambda w: m.compute_image_features(
            w.images, lambda images: np.full((len(images), 2), "a")
        ),
        ("real", "image encoder"),
    )
    yield BadCall(
        "encoder of complex numbers",
        lambda w: m.compute_image_features(
            w.images, lambda images: np.ones((len(images), 2)) * 1j
        ),
        ("real", "image encoder"),
    )
    yield BadCall(
        "encoder of NaN",
        lambda w: m.compute_image_features(
            w.images, lambda images: np.full((len(images), 2), NAN)
        ),
        ("finite", "image encoder"),
    )
    yield BadCall(
        "options of a callable",
        lambda w: m.compute_image_features(w.images, lambda images: 0, layer=3),
        ("layer", "callable"),
    )
    yield BadCall(
        "options of an ImageEncoder",
        lambda w: m.compute_image_features(w.images, m.ImageEncoder(), pool="mean"),
        ("pool", "ImageEncoder"),
    )
    yield from bad_params(
        "ImageEncoder",
        lambda w, **p: m.ImageEncoder(**({"name": "timm:resnet18"} | p)),
        name=("nonsense", "timm:", 3, None),
        layer=((), True, 0.0, 1.5, NAN, {}, [None]),
        pretrained=(3, True),
        degradations=("nonsense", "blur:x", "blur:2", 3),
        degrade_gallery=FLAGS,
    )
    yield from bad_params(
        "ImageEncoder",
        lambda w, **p: m.ImageEncoder("timm:resnet18", layer=1, **p),
        pool=("nonsense", 0, -1, True, 1.5, []),
    )
    yield from bad_params(
        "compute_text_features",
        lambda w, **p: m.compute_text_features(
            **({"texts": ["cat", "dog"], "encoder": "clip-vit-l-14"} | p)
        ),
        texts=("cat", 3, None, [], [3], [" "]),
        encoder=("nonsense", 3, None, "gabor", "timm:resnet18"),
        prompt=(3, "a photo", "{} {}"),
        like=(3, np.zeros((2, 768))),
        device=(3,),
    )
    yield from bad_params(
        "list_image_encoders",
        lambda w, **p: m.list_image_encoders(**p),
        names=("nonsense", 3),
    )
    yield BadCall(
        "list_image_encoders of an unknown one",
        lambda w: m.list_image_encoders(["nonsense"]),
        ("nonsense", "gabor"),
    )
    yield from bad_params(
        "read_image_features",
        lambda w, **p: m.read_image_features(
            **({"fname": w.npy, "names": w.features_test.index} | p)
        ),
        fname=(3, None),
        names=("a", ["a", "a"], [], 3, None),
        key=("nonsense", 3, ["nonsense"]),
    )
    for name, file, words in (
        ("missing", "nowhere.npy", ("nowhere.npy", "exist")),
        ("damaged", "junk.npy", ("junk.npy",)),
        ("damaged safetensors", "junk.safetensors", ("junk.safetensors",)),
        ("an empty folder", "empty", ("empty",)),
    ):
        yield BadCall(
            f"read_image_features {name}",
            lambda w, file=file: m.read_image_features(w.folder / file, ["a"]),
            words,
        )
    yield BadCall(
        "read_image_features of other length",
        lambda w: m.read_image_features(w.npy, ["a"]),
        ("names",),
    )


def _read_by(read):
    return lambda world, fname: read(fname)


def files():
    """Yield the calls that read models, and run many fits."""
    for name, read in (
        ("read_brainae", m.read_brainae),
        ("read_prior", generation.read_prior),
        ("read_picture_decoder", generation.read_picture_decoder),
    ):
        for file in ("nowhere.safetensors", "junk.safetensors", "junk.npy", "empty"):
            yield BadCall(
                f"{name} {file}",
                lambda w, file=file, read=read: read(w.folder / file),
                (file,),
            )
        yield from bad_params(name, _read_by(read), fname=(3, None))
    for name, read in (
        ("read_prior", generation.read_prior),
        ("read_picture_decoder", generation.read_picture_decoder),
    ):
        yield BadCall(
            f"{name} of a model",
            lambda w, read=read: read(w.saved),
            ("model.safetensors", "model file"),
        )
    yield from bad_params(
        "read_brainae",
        lambda w, **p: m.read_brainae(w.saved, **p),
        parts=(3, "encoder", {"nonsense": 3}),
    )
    yield BadCall(
        "save over a file",
        lambda w: w.linear.save(w.saved),
        ("model.safetensors", "overwrite"),
    )
    yield BadCall(
        "save into a missing place",
        lambda w: w.linear.save(w.junk / "a.safetensors"),
        ("junk.npy", "file"),
    )

    def many(w, **p):
        given = {
            "epochs": w.train,
            "images": w.features,
            "folder": w.folder / "many",
            "recipe": "linear",
        }
        return m.fit_many(**(given | p))

    yield from bad_params(
        "fit_many",
        many,
        epochs=({}, {"a/b": None}, 3),
        folder=(3, None),
        settings=({}, 3, ["a"], {"a": 3}, {"a/b": {}}),
        seeds=((), (1.5,), ("a",), (0, 0), 3, (-1,)),
        recipe=OPTIONS,
        score=(3, "top-1"),
        n_jobs=(0, 1.5, "many"),
        keep_models=FLAGS,
        on_error=OPTIONS,
        overwrite=FLAGS,
    )
    yield BadCall(
        "fit_many of names that differ by case",
        lambda w: many(w, epochs={"a": w.train, "A": w.train}),
        ("'a'", "'A'"),
    )
    yield BadCall(
        "fit_many of an unknown parameter",
        lambda w: many(w, max_epoch=3),
        ("max_epoch",),
    )
    yield BadCall(
        "fit_many of a missing file",
        lambda w: many(w, epochs={"a": w.folder / "nowhere-epo.fif"}),
        ("nowhere-epo.fif",),
    )
    for name, text in (
        ("half", '{"finger'),
        ("list", "[1, 2]"),
        ("number", "3"),
        ("row", '{"fingerprint": "a", "score": "b", "row": 3}'),
        ("binary", "\x00\x01"),
    ):
        yield BadCall(
            f"fit_many beside damaged json: {name}",
            lambda w, text=text: _damaged(w, many, text),
            ("all_set-default_seed-0.json", "damaged"),
        )


def _damaged(world, many, text: str):
    folder = world.folder / "damaged"
    folder.mkdir(exist_ok=True)
    (folder / "all_set-default_seed-0.json").write_text(text)
    many(world, folder=folder)


def simulating():
    """Yield the simulations and the readers of data sets."""
    yield from bad_params(
        "simulate",
        lambda w, **p: (
            datasets.simulate(path=w.folder / "simulated", **p)
            if "path" not in p
            else datasets.simulate(**p)
        ),
        kind=OPTIONS,
        n_train_concepts=(1, *COUNTS),
        n_test_concepts=(1, *COUNTS),
        n_exemplars=COUNTS,
        n_templates=(-1, 1.5, "3"),
        n_train_repetitions=COUNTS,
        n_test_repetitions=COUNTS,
        n_sessions=COUNTS,
        law=OPTIONS,
        snr=(*POSITIVES, float("inf")),
        sfreq=(*POSITIVES, 10.0, float("inf")),
        tmin=(0.5, "now", NAN),
        tmax=(0.1, "then", NAN, float("inf")),
        path=(3,),
        random_state=SEEDS,
    )
    yield from bad_params(
        "macaque_v4.read_epochs",
        lambda w, **p: datasets.macaque_v4.read_epochs(path=w.folder, **p),
        session=("nonsense", 3),
    )
    yield from bad_params(
        "things_eeg2.read_epochs",
        lambda w, **p: datasets.things_eeg2.read_epochs(
            w.folder, **({"subject": 1} | p)
        ),
        subject=(0, 11, "x", 1.5),
        partition=OPTIONS,
        output=OPTIONS,
        mvnn=(3, "epochs"),
    )
    yield from bad_params(
        "things_eeg1.read_epochs",
        lambda w, **p: datasets.things_eeg1.read_epochs(
            w.folder, **({"subject": 2} | p)
        ),
        subject=(0, 51, "x"),
        partition=OPTIONS,
    )
    yield from bad_params(
        "read_bids_epochs",
        lambda w, **p: datasets.read_bids_epochs(w.folder, **({"subject": 1} | p)),
        subject=(1, "x"),
        datatype=("fmri", 3),
        image=(3, None),
        query=(3,),
        stimuli=(3,),
        output=OPTIONS,
        average=(3,),
    )
    yield from bad_params(
        "things_meg.read_epochs",
        lambda w, **p: datasets.things_meg.read_epochs(
            w.folder, **({"subject": 1} | p)
        ),
        subject=(0, 5, "x"),
        partition=OPTIONS,
    )
    yield from bad_params(
        "tvsd.read_epochs",
        lambda w, **p: datasets.tvsd.read_epochs(w.folder, **({"subject": "F"} | p)),
        subject=("X", 3),
        partition=OPTIONS,
    )
    yield from bad_params(
        "muse_n170.read_epochs",
        lambda w, **p: datasets.muse_n170.read_epochs(path=w.folder, **p),
        runs=([],),
    )
    for run in (0, 99, "x", None):
        yield BadCall(
            f"muse_n170.read_raw run={run!r}",
            lambda w, run=run: datasets.muse_n170.read_raw(run, w.folder),
            ("run", repr(run)),
        )
    yield from bad_params(
        "macaque_it.read_epochs",
        lambda w, **p: datasets.macaque_it.read_epochs(path=w.folder, **p),
        bin_width=(*POSITIVES, 100.0),
    )
    yield from bad_params(
        "things.list_images",
        lambda w, **p: datasets.things.list_images(**p),
        folder=("nowhere", 3, None),
    )


def generating():
    """Yield the calls that generate and score pictures."""
    yield from bad_params(
        "generate_pictures",
        lambda w, **p: generation.generate_pictures(
            **(
                {
                    "model": w.linear,
                    "epochs": w.averaged,
                    "prior": w.ridge_prior,
                    "pipeline": w.folder / "nowhere",
                }
                | p
            )
        ),
        model=(3, None, m.LinearEncodingModel()),
        prior=(3, None, "ridge"),
        n_images=COUNTS,
        low_level=(3, "blur", generation.PictureDecoder()),
        strength=(0, 1.5, NAN, "half"),
        n_steps=COUNTS,
        guidance=(-1.0, NAN, "much"),
        prior_options=(3, {"nonsense": 3}),
        control=("nonsense", 3, "prior only"),
        batch_size=COUNTS,
        random_state=SEEDS,
        pipeline=("nonsense", 3, None),
    )
    yield from bad_params(
        "fit_prior",
        lambda w, **p: generation.fit_prior(
            **({"model": w.linear, "epochs": w.train, "images": w.features_train} | p)
        ),
        model=(3, None, m.LinearEncodingModel()),
        images=(3, None, pd.DataFrame()),
        prior=(3, "ridge"),
    )
    yield from bad_params(
        "load_pipeline",
        lambda w, **p: generation.load_pipeline(**p),
        pipeline=("nonsense", 3, None),
        adapter=("nowhere.safetensors", 3),
        device=("quantum",),
        precision=("nonsense", 3),
    )
    pictures = {"generated": 3, "stimuli": 3}

    def score(w, **p):
        seen = [w.picture, w.picture.rotate(90), w.picture.rotate(180)]
        return generation.score_pictures(
            **(dict.fromkeys(pictures, seen) | p), random_state=0
        )

    yield from bad_params(
        "score_pictures",
        score,
        generated=(3, None, [], [3, 3, 3], "nowhere"),
        stimuli=(3, None, [], "nowhere"),
        networks=(3, "nonsense", ["nonsense"], {"a": 3}),
        controls=(3, {"a": 3}, {"a": []}),
    )
    yield from bad_params(
        "contact_sheet",
        lambda w, **p: generation.contact_sheet(**({"rows": {"a": [w.picture]}} | p)),
        rows=({}, 3, {"a": []}, {"a": [3]}, {"a": 3}),
        size=COUNTS,
        n_columns=COUNTS,
    )
    yield from bad_params(
        "GeneratedPictures.contact_sheet",
        lambda w, **p: w.generated.contact_sheet(**p),
        stimuli=(3, "nowhere"),
        size=COUNTS,
        n_columns=COUNTS,
    )
    yield from bad_params(
        "GeneratedPictures.save", lambda w, **p: w.generated.save(**p), folder=(3, None)
    )
    yield from bad_params(
        "FeatureNetwork",
        lambda w, **p: generation.FeatureNetwork(
            **({"encoder": m.ImageEncoder("timm:resnet18")} | p)
        ),
        encoder=(3, None, "timm:resnet18"),
        size=COUNTS,
        score=OPTIONS,
        normalization=OPTIONS,
    )


def sharing():
    """Yield the calls that send models and read those of others."""
    for name in ("hf://", "hf://name", "hf://a/b/c", "hf://../etc", "hf://a/b@"):
        yield BadCall(
            f"read_brainae {name!r}",
            lambda w, name=name: m.read_brainae(name),
            ("fname", "'owner/name'"),
        )
    yield from bad_params(
        "push_to_hub",
        lambda w, **p: w.linear.push_to_hub(**({"repo": "owner/name"} | p)),
        repo=("name", "a/b/c", "owner/..", 3, None),
        scores=(3, "good", [0.9], None),
        license=("my own", 3),
        private=FLAGS,
    )


def rows():
    """Yield all rows of this table."""
    yield from images()
    yield from files()
    yield from sharing()
    yield from simulating()
    yield from generating()
