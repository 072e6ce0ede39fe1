"""Every parameter is declared, is checked before any work, and has an effect."""

from dataclasses import fields

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from building import CLASSES, brief_model
from PIL import Image
from recordings import driven
from sklearn.utils._param_validation import Interval
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

import mne_brainae
from mne_brainae.models.fingerprints import WITHOUT_EFFECT
from mne_brainae.models.linear_gaussian import Steps
from mne_brainae.models.recipes import names_of_params, parts_of, set_by_name
from mne_brainae.nn import cycle
from mne_brainae.nn.losses import LOSS_TERMS

#: Electrodes of a part of the head.
FOUR = ["Cz", "Oz", "Fz", "Pz"]
PARTS = {"Losses": mne_brainae.Losses, "Training": mne_brainae.Training}


class Untouchable:
    """Epochs or images that no check of parameters may look at."""

    def __getattribute__(self, name):
        raise AssertionError(f"The data were touched: {name}.")


def refuses(model, error, match):
    """A fit fails before it looks at what it is given."""
    with pytest.raises(error, match=match):
        model.fit(Untouchable(), Untouchable())


# -- scikit-learn's protocol -----------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        check_parameters_default_constructible,
        check_get_params_invariance,
        check_set_params,
        check_no_attributes_set_in_init,
        check_estimator_cloneable,
        check_estimator_repr,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("name", [*CLASSES, *PARTS])
def test_parameters_are_those_of_a_scikit_learn_estimator(name, check):
    check(name, (CLASSES | PARTS)[name]())


# -- before any work -------------------------------------------------------------------


def declared():
    """Yield every declared parameter of every estimator, those of its parts too."""
    for name, cls in CLASSES.items():
        classes = [cls, *parts_of(cls()).values()]
        for each in classes:
            for parameter, allowed in each._parameter_constraints.items():
                yield name, parameter, allowed


DECLARED = {(name, parameter): allowed for name, parameter, allowed in declared()}


@pytest.mark.parametrize("name", CLASSES)
def test_all_parameters_are_declared(name):
    known = {parameter for of, parameter in DECLARED if of == name}
    # MNE-Python itself checks picks, against the channels, and verbose.
    own = names_of_params(CLASSES[name]())
    assert own - known <= {"picks", "random_state", "verbose"}


@pytest.mark.parametrize(("name", "parameter"), DECLARED)
@pytest.mark.parametrize(
    "value", [object(), np.nan, 1j], ids=["object", "nan", "complex"]
)
def test_what_no_parameter_can_be(name, parameter, value):
    model = set_by_name(CLASSES[name](), {parameter: value})
    refuses(model, (TypeError, ValueError), rf"'{parameter}'.*must be.*Got")


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        key
        for key, allowed in DECLARED.items()
        if "boolean" in allowed or any(isinstance(each, Interval) for each in allowed)
    ],
)
@pytest.mark.parametrize("value", ["no", "3", [1, 2]], ids=repr)
def test_numbers_are_no_text_and_no_list(name, parameter, value):
    model = set_by_name(CLASSES[name](), {parameter: value})
    refuses(model, ValueError, rf"'{parameter}'.*must be.*Got")


@pytest.mark.parametrize(
    ("name", "params", "match"),
    [
        (
            "LinearBrainAE",
            {"n_embedding": -3},
            r"range \[1, inf\). Got -3",
        ),
        ("LinearBrainAE", {"n_embedding": 2.5}, "n_embedding.*Got 2.5"),
        ("LinearBrainAE", {"steps": {"n_folds": 3}}, "steps.*Steps"),
        ("BrainAE", {"n_embedding": -3}, "n_embedding.*Got -3"),
        ("BrainAE", {"symmetric": "no"}, "symmetric.*Got 'no'"),
        ("BrainAE", {"pool_stride": 0}, "pool_stride.*Got 0"),
        ("BrainAE", {"validation_size": 0}, "validation_size.*Got 0"),
        ("BrainAE", {"learning_rate": np.inf}, "learning_rate.*Got inf"),
        ("BrainAE", {"temperature": -0.1}, "temperature.*Got -0.1"),
        ("BrainAE", {"batch_size": 1}, "batch_size.*Got 1"),
        ("BrainAE", {"losses": {"feature": 1.0}}, "losses.*Losses"),
        ("BrainAE", dict.fromkeys(LOSS_TERMS, 0.0), "All loss weights are 0"),
        ("ContrastiveDecoder", {"symmetric": "no"}, "symmetric.*Got 'no'"),
        ("NonlinearEncodingModel", {"pool_stride": 0}, "pool_stride.*Got 0"),
        ("LinearEncodingModel", {"n_components": -1}, "n_components.*Got -1"),
    ],
)
def test_impossible_values(name, params, match):
    refuses(set_by_name(CLASSES[name](), params), ValueError, match)


@pytest.mark.parametrize("name", ["RidgeModel", "LinearEncodingModel"])
@pytest.mark.parametrize(
    "alphas",
    [[], [np.nan], [np.inf], [1.0, 0.0], [1j], ["1"], [[1.0]], "1", 3.0, np.nan],
    ids=repr,
)
def test_ridge_penalties_are_positive_numbers(name, alphas):
    refuses(CLASSES[name](alphas=alphas), ValueError, "alphas.*must be")


@pytest.mark.parametrize("name", [n for n, c in CLASSES.items() if parts_of(c())])
@pytest.mark.parametrize(
    "betas", [(), (0.5,), (0.5, 1.0), (-0.1, 0.9), (0.5, np.nan), ("a", "b"), (0, 1j)]
)
def test_betas_are_two_shares(name, betas):
    model = set_by_name(CLASSES[name](), {"betas": betas})
    refuses(model, ValueError, "betas must be two numbers")


@pytest.mark.parametrize("name", CLASSES)
def test_devices_that_are_not_there(name):
    refuses(CLASSES[name](device="abacus"), ValueError, "device='abacus' cannot be")
    if not torch.cuda.is_available():
        refuses(CLASSES[name](device="cuda"), ValueError, "'cuda' cannot be used here")


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "RidgeModel"])
@pytest.mark.parametrize("random_state", ["some", 2.5])
def test_seeds_are_integers_or_states(name, random_state):
    model = CLASSES[name](random_state=random_state)
    refuses(model, (TypeError, ValueError), str(random_state))


# -- an effect of each -----------------------------------------------------------------


def encode(pictures):
    """Return the gray levels of images."""
    gray = [np.asarray(picture.convert("L").resize((4, 4))) for picture in pictures]
    return np.stack(gray).reshape(len(pictures), -1) / 255


def encode_finely(pictures):
    """Return more of them."""
    gray = [np.asarray(picture.convert("L").resize((6, 6))) for picture in pictures]
    return np.stack(gray).reshape(len(pictures), -1) / 255


@pytest.fixture(scope="module")
def seen(recording, unseen):
    """Epochs and images to learn from and to judge by, as features and as images.

    Features are maps of 2 x 2 places, and images are repeated unequally often.
    """
    maps = pd.MultiIndex.from_product(
        [["early"], range(3), range(2), range(2)],
        names=["layer", "channel", "row", "column"],
    )
    rng = np.random.default_rng(0)

    def draw(names):
        noise = rng.integers(0, 256, (len(names), 8, 8, 3), np.uint8)
        return dict(zip(names, map(Image.fromarray, noise), strict=True))

    (epochs, features), (new_epochs, new_features) = recording, unseen
    new_epochs = mne_brainae.average_repetitions(new_epochs)[:20]
    new_features = new_features.loc[new_epochs.metadata["image"]]
    return {
        "features": (
            (epochs[:140], features.set_axis(maps, axis=1)),
            (new_epochs, new_features.set_axis(maps, axis=1)),
        ),
        "images": (
            (epochs[:140], draw(features.index)),
            (new_epochs, draw(new_features.index)),
        ),
    }


def outputs(model, seen, kind):
    """Return all that a model does, after a fit."""
    train, (epochs, images) = seen[kind]
    with mne.utils.use_log_level("ERROR"):
        model.fit(*train)
    found = {
        name: model.retrieve(epochs, images, similarity=name).similarity
        for name in model.latent_.similarities
    }
    if hasattr(model, "predict_epochs"):
        found["prediction"] = model.predict_epochs(images, output="array")
    if hasattr(model, "reconstruct"):
        masked = mne_brainae.mask_epochs(epochs, "random", 0.5, random_state=0)
        found["completion"] = model.reconstruct(masked, output="array")
    if getattr(model, "keep_noise", False):
        found["trials"] = model.sample_epochs(images, output="array")
    if hasattr(model, "history_"):
        found["epochs"] = np.array(len(model.history_))
    return found


def differ(one, other):
    """Tell whether any output is another one."""
    return set(one) != set(other) or any(
        not np.array_equal(one[name], other[name]) for name in one
    )


#: Other values of the parameters of LinearBrainAE.
LINEAR = {
    "image_encoder": encode_finely,
    "spatial_window": None,
    "n_embedding": 8,
    "steps": Steps(own_penalties=False),
    "validation": "image",
    "imputation": "mean",
    "keep_noise": True,
    "picks": FOUR,
    "random_state": 1,
}


@pytest.fixture(scope="module")
def linear_outputs(seen):
    return {
        kind: outputs(mne_brainae.LinearBrainAE(image_encoder=encode), seen, kind)
        for kind in seen
    }


def test_every_parameter_of_the_closed_form_is_tried():
    own = set(mne_brainae.LinearBrainAE().get_params())
    assert set(LINEAR) == own - WITHOUT_EFFECT


@pytest.mark.parametrize("parameter", LINEAR)
def test_every_parameter_of_the_closed_form_matters(parameter, seen, linear_outputs):
    kind = "images" if parameter == "image_encoder" else "features"
    model = mne_brainae.LinearBrainAE(image_encoder=encode)
    model.set_params(**{parameter: LINEAR[parameter]})
    assert differ(outputs(model, seen, kind), linear_outputs[kind])


#: Other values of the steps of the closed form; of several, one has to matter.
STEPS = {
    "n_functions": [4],
    "noise": ["residuals", "variances"],
    "target": ["diagonal", "kronecker"],
    "separable": [False],
    "complete": [False],
    "n_prior": [5],
    "own_penalties": [False],
    "n_anew": [2],
    "n_passes": [1],
    "shrink": [False],
    "inflate": [False],
    "weigh": [False],
    "errors": ["generalized"],
    "n_folds": [3],
}


def test_every_step_is_tried():
    assert set(STEPS) == {field.name for field in fields(Steps)}


@pytest.fixture(scope="module")
def all_steps(seen):
    return outputs(mne_brainae.LinearBrainAE(picks=FOUR), seen, "features")


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_the_closed_form_matters(step, seen, all_steps):
    models = [
        mne_brainae.LinearBrainAE(picks=FOUR, steps=Steps(**{step: value}))
        for value in STEPS[step]
    ]
    assert any(differ(outputs(model, seen, "features"), all_steps) for model in models)


#: Where weight decay and the optimizer matter.
DECAYING = {"image_encoder": encode, "optimizer": "adamw", "weight_decay": 0.1}
#: Other values of the parameters of BrainAE and its parts.
TRAINED = {
    "image_encoder": encode_finely,
    "brain_encoder": "linear",
    "brain_decoder": "linear",
    "spatial_window": (0.2, 0.2, 0.3),
    "image_projection": "identity",
    "n_embedding": 8,
    "n_kernels": 3,
    "kernel_length": 8,
    "pool_length": 8,
    "pool_stride": 4,
    "inner_activation": False,
    "upsampling": "linear",
    "standardize": "evoked",
    "mask_augmentation": 0.5,
    "imputation": "gaussian",
    "keep_noise": True,
    "picks": FOUR,
    "random_state": 1,
    "learning_rate": 1e-2,
    "betas": (0.9, 0.99),
    "optimizer": "adam",
    "weight_decay": 0.5,
    "batch_size": 4,
    "max_epochs": 4,
    "min_updates": 40,
    "patience": 1,
    "validation": "image",
    "validation_size": 0.2,
    "precision": "bf16",
    "computation": "plain",
    "contrastive": 0.5,
    "feature": 0.5,
    "recon_brain": 0.5,
    "recon_image": 0.5,
    "temperature": 0.2,
    "learn_temperature": True,
    "symmetric": False,
    "text": pd.DataFrame(
        np.random.default_rng(0).standard_normal((40, 3)),
        index=[f"{concept:02d}" for concept in range(40)],
    ),
    "n_hidden": 8,
    "intra": 1.0,
    "inter": 1.0,
    "n_samples": 2,
    "transductive": pd.DataFrame(np.eye(12)),
    "cycle": 1.0,
    "adversarial": 0.1,
    "auxiliary": 0.1,
    "mixup": 0.3,
    "normalize_brain": False,
    "mmd": (0.9, 0.5, 20),
    "regression": 0.5,
    "standardize_images": False,
    "initialization": "release",
    "average": False,
    "smooth_augmentation": 0.5,
    "choose_by": "loss",
    "schedule": ((0, 0.1),),
}
#: Without which a parameter has nothing to decide.
WHERE = {
    "brain_encoder": {"brain_encoder": "tsconv"},
    "patience": {"learning_rate": 0.05, "min_updates": 60},
    "image_projection": {"n_embedding": None},
    "standardize": {"standardize": "channel"},
}
SYSTEMS = ("BraVL", "BrainAE", "ContrastiveDecoder", "MB2C", "NonlinearEncodingModel")
#: Of what only a network with two convolutions can do.
FAST = ("computation", "precision")


@pytest.fixture(scope="module", autouse=True)
def _small_critics():
    """Critics of MB2C that take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycle, "N_HIDDEN", 16)
        yield


@pytest.fixture(scope="module")
def brief(seen):
    """Fit once for every model and setting that tests compare with."""
    done = {}

    def fit(name, kind, **params):
        key = name, kind, tuple(params.items())
        if key not in done:
            done[key] = outputs(brief_model(name, **DECAYING | params), seen, kind)
        return done[key]

    return fit


def tried(name):
    """Return the parameters of a trained model that have to matter."""
    model = CLASSES[name]()
    others = set(parts_of(model)) | {"init"}  # of which test_start.py is
    return names_of_params(model) - WITHOUT_EFFECT - others


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_parameter_of_trained_models_is_tried(name):
    assert tried(name) <= set(TRAINED)


MATTERS = [
    (name, parameter)
    for name in SYSTEMS
    for parameter in TRAINED
    if parameter in tried(name)
    and not (name != "BrainAE" and parameter in FAST)
    # Its best epoch comes so early that waiting longer finds no other.
    and (name, parameter) != ("ContrastiveDecoder", "patience")
    and parameter != "choose_by"  # of which test_nice.py is
]


@pytest.mark.filterwarnings("ignore:.*saves memory but no time")
@pytest.mark.parametrize(("name", "parameter"), MATTERS)
def test_every_parameter_of_trained_models_matters(name, parameter, seen, brief):
    kind = "images" if parameter == "image_encoder" else "features"
    where = WHERE.get(parameter, {})
    changed = DECAYING | where | {parameter: TRAINED[parameter]}
    found = outputs(brief_model(name, **changed), seen, kind)
    assert differ(found, brief(name, kind, **where))


@pytest.mark.parametrize("name", ["ContrastiveDecoder", "NonlinearEncodingModel"])
@pytest.mark.parametrize("params", [{"computation": "fast"}, {"precision": "bf16"}])
def test_what_a_network_cannot_do_is_no_silence(name, params, seen):
    with pytest.raises(ValueError, match="needs the temporal-spatial convolution"):
        brief_model(name, image_encoder=encode, **params).fit(*seen["features"][0])


#: Other values of the parameters of regressions.
REGRESSIONS = {
    "image_encoder": encode_finely,
    "n_components": 5,
    "alphas": [1e4],
    "picks": FOUR,
}


@pytest.mark.parametrize("name", ["LinearEncodingModel", "RidgeModel"])
def test_every_parameter_of_regressions_matters(name, seen):
    own = set(CLASSES[name]().get_params()) - WITHOUT_EFFECT - {"random_state"}
    assert own <= set(REGRESSIONS)
    for parameter in own:
        kind = "images" if parameter == "image_encoder" else "features"
        model = CLASSES[name](image_encoder=encode)
        before = outputs(model, seen, kind)
        model.set_params(**{parameter: REGRESSIONS[parameter]})
        assert differ(outputs(model, seen, kind), before), parameter


@pytest.mark.parametrize("verbose", [True, "ERROR"])
def test_declared_without_effect(verbose, seen, linear_outputs, tmp_path):
    model = mne_brainae.LinearBrainAE(
        device="cpu", memory_map=tmp_path, verbose=verbose
    )
    assert not differ(outputs(model, seen, "features"), linear_outputs["features"])


# -- integers of NumPy -----------------------------------------------------------------


def test_integers_of_numpy_are_integers(tmp_path):
    """As loops over np.arange give them: in a fit, its file and its fingerprint."""
    whole = {"n_embedding": 8, "n_kernels": 4, "kernel_length": 5, "pool_length": 3}
    whole |= {"pool_stride": 3, "batch_size": 8, "max_epochs": 2, "min_updates": 2}
    models = []
    for kind in (int, np.int64):
        params = {name: kind(value) for name, value in whole.items()}
        params["random_state"] = kind(0)
        model = set_by_name(CLASSES["BrainAE"](), params).fit(*driven())
        fname = tmp_path / f"{kind.__name__}.safetensors"
        model.save(fname)
        models.append(mne_brainae.read_brainae(fname))
    one, other = (model.network_.state_dict() for model in models)
    for name, weights in one.items():
        np.testing.assert_array_equal(weights, other[name])
