"""Models of the bare names of parameters, as tests want them."""

import mne_brainae
from mne_brainae.models.recipes import set_by_name


def brain_ae(**params):
    """Return a BrainAE, parameters of its parts given by their bare names."""
    return set_by_name(mne_brainae.BrainAE(), params)


def nonlinear_model(**params):
    """Return a NonlinearEncodingModel, parameters of its training by bare names."""
    return set_by_name(mne_brainae.NonlinearEncodingModel(), params)
