"""Models of the bare names of parameters, as tests want them."""

import mne_brainae
from mne_brainae.models.recipes import (
    ESTIMATORS,
    estimator_class,
    names_of_params,
    set_by_name,
)

#: Estimators of one recording; that of many subjects has tests of its own.
CLASSES = {name: estimator_class(name) for name in ESTIMATORS if name != "GroupModel"}
#: Settings under which a trained model takes no time, and learns little.
BRIEF = {
    "n_kernels": 4,
    "kernel_length": 10,
    "n_embedding": 16,
    "max_epochs": 3,
    "min_updates": 1,
    "random_state": 0,
}
#: Where systems of their own need others, by class.
OWN = {
    "BraVL": {"n_hidden": 16, "n_samples": 3},
    # Its own encoder needs long responses, its own projection has no dimension.
    "ContrastiveDecoder": {"brain_encoder": "linear", "image_projection": "linear"},
    "MB2C": {"brain_encoder": "linear"},
}


def brain_ae(**params):
    """Return a BrainAE, parameters of its parts given by their bare names."""
    return set_by_name(mne_brainae.BrainAE(), params)


def nonlinear_model(**params):
    """Return a NonlinearEncodingModel, parameters of its training by bare names."""
    return set_by_name(mne_brainae.NonlinearEncodingModel(), params)


def brief_model(name, **params):
    """Return a model of a class that fits in a blink; it ignores unknown parameters."""
    model = CLASSES[name]()
    if not hasattr(model, "training"):
        return set_by_name(model, params)
    params = BRIEF | OWN.get(name, {}) | params
    known = names_of_params(model)
    return set_by_name(model, {key: params[key] for key in params if key in known})
