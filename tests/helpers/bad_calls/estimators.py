"""Bad parameters of the estimators and their parts, and bad data for them."""

import numpy as np
import pandas as pd

import mne_brainae as m
from mne_brainae import generation
from mne_brainae.models.linear_gaussian import Steps

from .row import (
    COUNTS,
    FLAGS,
    OPTIONS,
    POSITIVES,
    SHARES,
    BadCall,
    bad_params,
)

NAN = float("nan")
ALPHAS = ([], [NAN], [-1.0], [0.0], ["large"], 3.0, "large")
NUMBERS = (*(v for v in COUNTS if v not in ("3",)), "many")


def fitted(kind, images: str = "features"):
    """Return a call that fits an estimator of bad parameters."""

    def call(world, **params):
        kind(**params).fit(world.train, getattr(world, images))

    return call


def checked(kind):
    """Return a call that checks a part of an estimator."""
    return lambda world, **params: kind(**params).check()


COMMON = {
    "image_encoder": ("nonsense", 3, None),
    "device": ("quantum", 3, None),
    "picks": ("nonsense", [99]),
}
SEEDS = ("today", 1.5, -1)
SIZES = ("n_kernels", "kernel_length", "pool_length", "pool_stride")
CONVOLUTION = dict.fromkeys(SIZES, COUNTS)

TRAINING = {
    "learning_rate": POSITIVES,
    "betas": ((0.5,), (0.5, 1.0), ("a", "b"), 0.5, (NAN, 0.9)),
    "optimizer": OPTIONS,
    "weight_decay": (-1.0, "some", NAN),
    "batch_size": (0, 1, 1.5, "3"),
    "max_epochs": COUNTS,
    "min_updates": (-1, 1.5, "3"),
    "patience": COUNTS,
    "validation": OPTIONS,
    "validation_size": (0, -0.1, "half", NAN, 1.5, float("inf")),
    "precision": OPTIONS,
    "computation": OPTIONS,
    "average": ("mean", 0.5),
    "schedule": ("linear", ((20,),), ((-1, 0.5),), ((20, "half"),)),
    "checkpoint": (3, ["a"]),
    "memory_map": (3,),
}
LOSSES = {
    **{
        term: (-1.0, "much", NAN, float("inf"))
        for term in ("contrastive", "feature", "recon_brain", "recon_image")
    },
    "temperature": POSITIVES,
    "learn_temperature": FLAGS,
    "symmetric": FLAGS,
    "normalize_brain": FLAGS,
}


def parameters():
    """Yield every estimator with bad values of every parameter."""
    yield from bad_params(
        "LinearBrainAE",
        fitted(m.LinearBrainAE),
        **COMMON,
        spatial_window=(
            "left",
            (0.5, 0.5),
            (0.5, 0.5, 0.0),
            (0.5, 0.5, NAN),
            ("a", "b", "c"),
            3,
        ),
        n_embedding=COUNTS,
        steps=("all", {}),
        validation=OPTIONS,
        imputation=OPTIONS,
        keep_noise=FLAGS,
        memory_map=(3, "/nowhere/at/all"),
        random_state=SEEDS,
        verbose=("loud", [1]),
    )
    yield from bad_params(
        "BrainAE",
        fitted(m.BrainAE),
        **COMMON,
        **CONVOLUTION,
        brain_encoder=OPTIONS,
        brain_decoder=OPTIONS,
        spatial_window=("left", (0.5, 0.5)),
        image_projection=("nonsense", "squares", 3),
        n_embedding=COUNTS,
        init=("linear", m.BrainAE()),
        inner_activation=FLAGS,
        upsampling=OPTIONS,
        losses=("all", {}, m.Training()),
        training=("long", {}, m.Losses()),
        standardize=("nonsense", 3),
        mask_augmentation=SHARES,
        smooth_augmentation=SHARES,
        standardize_images=FLAGS,
        initialization=OPTIONS,
        imputation=OPTIONS,
        keep_noise=FLAGS,
        random_state=SEEDS,
        verbose=("loud",),
    )
    yield from bad_params(
        "RidgeModel", fitted(m.RidgeModel), **COMMON, alphas=(*ALPHAS, None)
    )
    yield from bad_params(
        "LinearEncodingModel",
        fitted(m.LinearEncodingModel),
        **COMMON,
        alphas=ALPHAS,
        n_components=(0, -1, 1000, "some", NAN),
        random_state=SEEDS,
    )
    yield from bad_params(
        "NonlinearEncodingModel",
        fitted(m.NonlinearEncodingModel),
        **COMMON,
        **CONVOLUTION,
        brain_decoder=OPTIONS,
        image_projection=("nonsense", 3),
        n_embedding=COUNTS,
        training=("long",),
        standardize=OPTIONS,
    )
    yield from bad_params(
        "ContrastiveDecoder",
        fitted(m.ContrastiveDecoder),
        **COMMON,
        brain_encoder=OPTIONS,
        temperature=POSITIVES,
        learn_temperature=FLAGS,
        symmetric=FLAGS,
        normalize_brain=FLAGS,
        smooth_augmentation=SHARES,
        regression=SHARES,
        mmd=((0.9, 0.5), (1.0, 0.5, 20), (0.9, "half", 20), 0.5),
        image_projection=(*OPTIONS, {"mlp": {"dropouts": 0.3}}, {}, {"mlp": 0.3}),
        n_embedding=COUNTS,
        training=("long",),
        standardize=OPTIONS,
    )
    yield from bad_params(
        "BraVL",
        fitted(m.BraVL),
        **COMMON,
        text=("nonsense", "gabor", "timm:test_vit", 3, pd.DataFrame({"a": [NAN]})),
        n_embedding=COUNTS,
        n_hidden=COUNTS,
        intra=(-1.0, "much", NAN),
        inter=(-1.0, "much", NAN),
        n_samples=COUNTS,
        transductive=(3, pd.DataFrame({"a": [1.0]})),
        training=("long",),
        standardize=OPTIONS,
    )
    yield from bad_params(
        "MB2C",
        fitted(m.MB2C),
        cycle=(-1.0, "much", NAN, 0.0),
        adversarial=(-1.0, "much", NAN),
        auxiliary=(-1.0, "much", NAN),
        mixup=SHARES,
    )
    yield from bad_params("Training", checked(m.Training), **TRAINING)
    yield from bad_params("Losses", checked(m.Losses), **LOSSES)
    yield from bad_params(
        "Steps",
        lambda world, **params: m.LinearBrainAE(steps=Steps(**params)).fit(
            world.train, world.features
        ),
        n_functions=COUNTS,
        noise=OPTIONS,
        target=OPTIONS,
        separable=FLAGS,
        n_prior=COUNTS,
        own_penalties=FLAGS,
        n_anew=(-1, 1.5, "3"),
        n_passes=COUNTS,
        errors=OPTIONS,
        n_folds=(0, 1.5, "3"),
    )
    yield from bad_params(
        "MVNN",
        lambda world, **params: m.MVNN(**params).fit(world.train),
        dim=OPTIONS,
    )
    yield from bad_params(
        "DiffusionPrior",
        lambda world, **params: generation.DiffusionPrior(**params).fit(
            world.brain, world.target
        ),
        widths=((8,), (8, 0), (8, 1.5), "wide", 8),
        dropout=(-0.1, 1.0, NAN, "some"),
        prediction=OPTIONS,
        n_diffusion_steps=COUNTS,
        drop_condition=(-0.1, 1.0, NAN, "some"),
        learning_rate=POSITIVES,
        warm_up=(-1, 1.5, "3"),
        ema=(-0.1, 1.0, NAN, "some"),
        batch_size=COUNTS,
        max_epochs=COUNTS,
        min_updates=(-1, 1.5, "3"),
        validation_size=(0, -0.1, NAN, "half", 1.5),
        device=("quantum", 3),
        random_state=SEEDS,
    )
    yield from bad_params(
        "RidgePrior",
        lambda world, **params: generation.RidgePrior(**params).fit(
            world.brain, world.target
        ),
        alphas=ALPHAS,
    )
    yield from bad_params(
        "PictureDecoder",
        lambda world, **params: generation.PictureDecoder(**params).fit(
            world.train, world.images
        ),
        size=COUNTS,
        alphas=ALPHAS,
        n_components=COUNTS,
        picks=("nonsense",),
    )


def _with(world, **columns):
    epochs = world.train.copy()
    table = epochs.metadata.copy()
    for name, values in columns.items():
        table[name] = values
    epochs.metadata = table
    return epochs


def _fit(world, epochs=None, images=None):
    epochs = world.train if epochs is None else epochs
    m.LinearBrainAE().fit(epochs, world.features if images is None else images)


def _without_metadata(world):
    epochs = world.train.copy()
    epochs.metadata = None
    return epochs


def _spoiled(epochs, value):
    epochs = epochs.copy()
    epochs.get_data(copy=False)[1, 1, 1] = value
    return epochs


COMBINATIONS = {
    "all loss weights 0": (
        lambda w: m.fit(
            w.train,
            w.features,
            recipe="paper",
            contrastive=0,
            feature=0,
            recon_brain=0,
            recon_image=0,
        ),
        ("weight", "contrastive"),
    ),
    "n_embedding beside identity": (
        lambda w: m.BrainAE(image_projection="identity", n_embedding=3).fit(
            w.train, w.features
        ),
        ("n_embedding", "identity"),
    ),
    "n_embedding beside identity, encoding": (
        lambda w: m.NonlinearEncodingModel(
            image_projection="identity", n_embedding=3
        ).fit(w.train, w.features),
        ("n_embedding", "identity"),
    ),
    "n_embedding beside init": (
        lambda w: m.BrainAE(init=m.LinearBrainAE(), n_embedding=3).fit(
            w.train, w.features
        ),
        ("n_embedding", "init"),
    ),
    "standardize beside init": (
        lambda w: m.BrainAE(init=m.LinearBrainAE(), standardize="channel").fit(
            w.train, w.features
        ),
        ("standardize", "init"),
    ),
    "window too short for the kernels": (
        lambda w: m.BrainAE(kernel_length=25).fit(w.train, w.features),
        ("kernel_length",),
    ),
    "memory_map nowhere": (
        lambda w: m.fit(
            w.train, w.features, recipe="paper", memory_map="/nowhere/at/all"
        ),
        ("memory_map", "/nowhere/at/all"),
    ),
    "fast with masks": (
        lambda w: m.fit(
            w.train,
            w.features,
            recipe="paper",
            mask_augmentation=0.5,
            computation="fast",
        ),
        ("mask_augmentation", "computation"),
    ),
    "unknown recipe": (
        lambda w: m.fit(w.train, w.features, recipe="worst"),
        ("recipe", "worst"),
    ),
    "unknown parameter": (
        lambda w: m.fit(w.train, w.features, max_epoch=3),
        ("max_epoch", "max_epochs"),
    ),
    "unknown parameter of make_model": (
        lambda w: m.make_model("linear", n_kernels=3),
        ("n_kernels",),
    ),
    "unknown recipe of make_model": (
        lambda w: m.make_model("worst"),
        ("recipe", "worst"),
    ),
    "recipe of a wrong type": (lambda w: m.make_model(3), ("recipe", "3")),
    "unknown parameter of encoding_systems": (
        lambda w: m.encoding_systems(linear={"n_kernels": 3}),
        ("n_kernels",),
    ),
}
DATA = {
    "no metadata": (lambda w: _fit(w, _without_metadata(w)), ("metadata", "image")),
    "no column image": (lambda w: _fit(w, _renamed(w)), ("metadata", "image")),
    "image missing": (
        lambda w: _fit(w, _with(w, image=[None] * len(w.train))),
        ("image",),
    ),
    "concepts all NaN": (
        lambda w: _fit(w, _with(w, concept=np.nan)),
        ("concept",),
    ),
    "concepts all None": (
        lambda w: _fit(w, _with(w, concept=None)),
        ("concept",),
    ),
    "one concept": (lambda w: _fit(w, _with(w, concept="a")), ("concept",)),
    "one image": (lambda w: _fit(w, _with(w, image=w.features.index[0])), ("image",)),
    "NaN in epochs": (lambda w: _fit(w, _spoiled(w.train, np.nan)), ("epochs",)),
    "inf in epochs": (lambda w: _fit(w, _spoiled(w.train, np.inf)), ("epochs",)),
    "complex features": (
        lambda w: _fit(w, images=w.features.astype(complex)),
        ("images", "real"),
    ),
    "complex array": (
        lambda w: _fit(
            w, images=w.features.loc[w.train.metadata["image"]].to_numpy() + 1j
        ),
        ("images", "real"),
    ),
    "array of text": (
        lambda w: _fit(w, images=np.full((len(w.train), 3), "a")),
        ("images", "real"),
    ),
    "array of objects": (
        lambda w: _fit(w, images=np.full((len(w.train), 3), None)),
        ("images", "real"),
    ),
    "features as text": (
        lambda w: _fit(w, images=w.features.astype(str)),
        ("images", "real"),
    ),
    "features as dates": (
        lambda w: _fit(w, images=w.features.apply(pd.to_datetime, unit="s")),
        ("images", "real"),
    ),
    "NaN in features": (
        lambda w: _fit(w, images=w.features.mask(w.features > 1)),
        ("images", "finite"),
    ),
    "no features": (lambda w: _fit(w, images=w.features.iloc[:, :0]), ("images",)),
    "no rows": (lambda w: _fit(w, images=w.features.iloc[:0]), ("images",)),
    "missing images": (lambda w: _fit(w, images=w.features_test), ("images", "lacks")),
    "images twice": (
        lambda w: _fit(w, images=pd.concat([w.features, w.features])),
        ("images", "once"),
    ),
    "rows of another number": (
        lambda w: _fit(w, images=w.features.to_numpy()[:3]),
        ("images", "shape"),
    ),
    "one-dimensional features": (
        lambda w: _fit(w, images=np.zeros(len(w.train))),
        ("images", "shape"),
    ),
    "rows that differ": (
        lambda w: _fit(w, images=np.random.default_rng(0).random((len(w.train), 3))),
        ("images", "Epochs of one image"),
    ),
    "a Series of features": (
        lambda w: _fit(w, images=w.features[0]),
        ("images", "DataFrame"),
    ),
    "a number as images": (lambda w: _fit(w, images=3), ("images", "int")),
    "a missing folder": (
        lambda w: _fit(w, images=w.folder / "nowhere"),
        ("nowhere", "exist"),
    ),
    "an empty folder": (
        lambda w: _fit(w, images=w.folder / "empty"),
        ("empty", "no image"),
    ),
    "no images at all": (
        lambda w: m.LinearBrainAE().fit(w.train),
        ("images", "image_path"),
    ),
    "no images for ridge": (lambda w: m.RidgeModel().fit(w.train), ("images",)),
    "few images": (
        lambda w: _fit(
            w, w.train[w.train.metadata["image"].isin(w.features.index[:3])]
        ),
        ("images", "at least"),
    ),
}


def _of_images(world, n_images: int):
    shown = world.train.metadata["image"].isin(world.features.index[:n_images])
    return world.train[shown.to_numpy()]


def _renamed(world):
    epochs = world.train.copy()
    epochs.metadata = epochs.metadata.rename(columns={"image": "stimulus"})
    return epochs


METHODS = {
    "unfitted predict": (
        lambda w: m.BrainAE().predict_epochs(w.features),
        ("not fitted",),
    ),
    "unfitted retrieve": (
        lambda w: m.LinearBrainAE().retrieve(w.test, w.features),
        ("not fitted",),
    ),
    "unfitted save": (
        lambda w: m.BrainAE().save(w.folder / "a.safetensors"),
        ("not fitted",),
    ),
    "unfitted info": (lambda w: m.BrainAE().info_, ("not fitted",)),
    "unfitted MVNN": (lambda w: m.MVNN().transform(w.test), ("not fitted",)),
    "unfitted prior": (
        lambda w: generation.RidgePrior().sample(w.brain),
        ("not fitted",),
    ),
    "unfitted prior saved": (
        lambda w: generation.DiffusionPrior().save(w.folder / "a.safetensors"),
        ("not fitted",),
    ),
    "unfitted decoder": (
        lambda w: generation.PictureDecoder().predict(w.test),
        ("not fitted",),
    ),
    "predict without images": (
        lambda w: w.brain_only.predict_epochs(w.features),
        ("without images",),
    ),
    "sample without kept noise": (
        lambda w: w.linear.sample_epochs(w.features),
        ("keep_noise=True",),
    ),
    "keep the noise of averages": (
        lambda w: m.LinearBrainAE(keep_noise=True).fit(w.averaged, w.features),
        ("keep_noise", "shown only once"),
    ),
    "retrieve without images": (
        lambda w: w.brain_only.retrieve(w.test, w.features),
        ("without images",),
    ),
    "predict other features": (
        lambda w: w.linear.predict_epochs(w.features.iloc[:, :3]),
        ("features", "3", "5"),
    ),
    "predict columns in another order": (
        lambda w: w.linear.predict_epochs(w.features[[4, 3, 2, 1, 0]]),
        ("columns", "order"),
    ),
    "predict pictures by a model of features": (
        lambda w: w.linear.predict_epochs(w.images),
        ("ready features",),
    ),
    "predict complex features": (
        lambda w: w.linear.predict_epochs(w.features.to_numpy() * 1j),
        ("real",),
    ),
    "predict NaN": (
        lambda w: w.linear.predict_epochs(np.full((2, 5), np.nan)),
        ("finite",),
    ),
    "predict None": (lambda w: w.linear.predict_epochs(None), ("images", "None")),
    "predict a three-dimensional array": (
        lambda w: w.linear.predict_epochs(np.zeros((2, 3, 4))),
        ("features",),
    ),
    "predict like an array": (
        lambda w: w.linear.predict_epochs(w.features_test, like=np.zeros((2, 3, 4))),
        ("like",),
    ),
    "predict like images without features": (
        lambda w: w.linear.predict_epochs(w.features_train, like=w.test),
        ("lack",),
    ),
    "score by no split": (
        lambda w: w.linear.score_encoding(w.test, w.features_test, n_splits=0),
        ("n_splits",),
    ),
    "retrieve from half a gallery": (
        lambda w: w.linear.retrieve(w.test, w.features_test, gallery="half"),
        ("gallery",),
    ),
    "draw a gallery of features": (
        lambda w: w.linear.retrieve(w.test, w.features_test).plot_gallery(show=False),
        ("images",),
    ),
    "predict no image": (
        lambda w: w.linear.predict_epochs(w.features.iloc[:0]),
        ("images",),
    ),
    "evoked of NaN": (
        lambda w: w.linear.predict_evoked(np.full((2, 5), np.inf)),
        ("finite",),
    ),
    "embed unknown names": (
        lambda w: w.linear.compute_features(w.features, names=["a"]),
        ("'a'",),
    ),
    "embed names twice": (
        lambda w: w.linear.compute_features(w.features, names=["a", "a"]),
        ("names", "'a'"),
    ),
    "embed a name as names": (
        lambda w: w.linear.compute_features(w.features, names="a"),
        ("names", "'a'"),
    ),
    "embed a number as names": (
        lambda w: w.linear.compute_features(w.features, names=3),
        ("names", "3"),
    ),
    "retrieve by averaged embeddings and likelihood": (
        lambda w: w.linear.retrieve(
            w.test, w.features_test, similarity="likelihood", average_embeddings=True
        ),
        ("average_embeddings", "cosine"),
    ),
    "retrieve from another gallery": (
        lambda w: w.linear.retrieve(w.test, w.features_train),
        ("lacks",),
    ),
    "retrieve without paths": (
        lambda w: w.linear.retrieve(w.test),
        ("image_path",),
    ),
    "cropped epochs": (
        lambda w: w.linear.retrieve(w.test.copy().crop(0, 0.1), w.features_test),
        ("epochs", "Crop"),
    ),
    "channels in another order": (
        lambda w: w.linear.embed_epochs(
            w.test.copy().reorder_channels(w.test.ch_names[::-1])
        ),
        ("order", "reorder_channels"),
    ),
    "NaN in test epochs": (
        lambda w: w.linear.retrieve(_spoiled(w.test, np.nan), w.features_test),
        ("epochs", "finite"),
    ),
    "inf to reconstruct": (
        lambda w: w.linear.reconstruct(_spoiled(w.test, np.inf)),
        ("epochs", "finite"),
    ),
    "likelihood of whitened": (
        lambda w: w.linear.retrieve(
            w.test, w.features_test, similarity="encoding", transductive="whiten"
        ),
        ("transductive", "encoding"),
    ),
    "classify without concepts": (
        lambda w: w.linear.classify(_no_concept(w), w.templates),
        ("concept",),
    ),
    "templates are the stimuli": (
        lambda w: w.linear.classify(w.test, _own_templates(w)),
        ("emplates", "test stimuli"),
    ),
    "templates lack a concept": (
        lambda w: w.linear.classify(w.test, w.templates.iloc[:4]),
        ("templates", "concepts"),
    ),
    "one concept in templates": (
        lambda w: w.linear.classify(w.test, w.templates.iloc[:2]),
        ("templates", "concepts"),
    ),
    "templates without concepts": (
        lambda w: w.linear.classify(w.test, w.features),
        ("templates", "concept"),
    ),
    "templates None": (
        lambda w: w.linear.classify(w.test, None),
        ("templates", "None"),
    ),
    "templates a number": (
        lambda w: w.linear.classify(w.test, 3),
        ("templates", "int"),
    ),
    "templates nowhere": (
        lambda w: w.linear.classify(w.test, w.folder / "nowhere"),
        ("templates", "nowhere"),
    ),
    "templates complex": (
        lambda w: w.linear.classify(w.test, w.templates * 1j),
        ("real",),
    ),
}


def _no_concept(world):
    epochs = world.test.copy()
    epochs.metadata = epochs.metadata.drop(columns="concept")
    return epochs


def _own_templates(world):
    names = [name.partition("/")[0] for name in world.features_test.index]
    index = pd.MultiIndex.from_arrays([names, world.features_test.index])
    return world.features_test.set_axis(index)


def options_of_methods():
    """Yield the options of the methods with bad values."""
    yield from bad_params(
        "predict_epochs",
        lambda w, **p: w.linear.predict_epochs(w.features, **p),
        output=OPTIONS,
    )
    yield from bad_params(
        "reconstruct",
        lambda w, **p: w.linear.reconstruct(w.test, **p),
        output=OPTIONS,
    )
    yield from bad_params(
        "retrieve",
        lambda w, **p: w.linear.retrieve(w.test, w.features_test, **p),
        similarity=("nonsense", 3),
        transductive=("nonsense", 3, True),
    )
    yield from bad_params(
        "classify",
        lambda w, **p: w.linear.classify(w.test, w.templates, **p),
        n_per_template=(0, 1.5, "two", None),
        similarity=("nonsense", 3),
        transductive=("nonsense", 3),
    )
    yield from bad_params(
        "to",
        lambda w, device="cpu", **p: w.linear.to(device, **p),
        device=("nonsense", "meta", "cuda:99", 3, None),
        precision=("nonsense", "bf16", 3, None),
    )
    yield from bad_params(
        "save",
        lambda w, fname: w.linear.save(fname),
        fname=("model.pt", 3, None, "nowhere"),
    )
    yield from bad_params(
        "prior.sample",
        lambda w, **p: w.diffusion.sample(w.brain, **p),
        n_samples=COUNTS,
        sampler=OPTIONS,
        n_steps=(*COUNTS, 10_000),
        guidance=(NAN, "much", float("inf")),
        random_state=SEEDS,
    )
    yield from bad_params(
        "RidgePrior.sample",
        lambda w, **p: w.ridge_prior.sample(w.brain, **p),
        n_samples=COUNTS,
    )
    for name, prior in (("ridge", "ridge_prior"), ("diffusion", "diffusion")):
        yield from bad_params(
            f"{name} prior",
            lambda w, brain, prior=prior: getattr(w, prior).sample(brain),
            brain=(np.zeros((2, 3)), np.zeros(6), "brain", None, np.full((2, 6), NAN)),
        )
    yield from bad_params(
        "DiffusionPrior.fit",
        lambda w, **p: generation.DiffusionPrior().fit(
            **({"brain": w.brain, "image": w.target} | p)
        ),
        brain=(np.zeros((3, 2)), "brain", None, np.zeros((24, 2)) * 1j),
        image=(np.zeros((3, 2)), "image", None, np.full((24, 3), NAN)),
        groups=(["a"], 3),
    )


def rows():
    """Yield all rows of this table."""
    yield from parameters()
    yield from options_of_methods()
    for table in (COMBINATIONS, DATA, METHODS):
        for name, (call, words) in table.items():
            yield BadCall(name, call, words)
