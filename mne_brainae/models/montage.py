"""What a brain encoder has to know of sensors, subjects and earlier training."""

# License: BSD-3-Clause

from __future__ import annotations

from ..nn.choice import split_choice
from ..nn.encoders import OF_SUBJECTS
from ..nn.network import BrainAENetwork
from ..nn.pretrained import SOURCES, know_recording
from ..preprocessing.layout import sensor_layout
from .training_set import TrainingSet


def asks_for_subjects(choice) -> bool:
    """Tell whether a brain encoder looks at positions, and knows subjects.

    Parameters
    ----------
    choice : str | dict | Module | None
        The choice of a brain encoder.

    Returns
    -------
    asks : bool
        Whether it does.
    """
    return isinstance(choice, str | dict) and split_choice(choice)[0] in OF_SUBJECTS


def know_sensors(choice, data: TrainingSet):
    """Tell a brain encoder where sensors are and how many subjects there are.

    Parameters
    ----------
    choice : str | dict | Module | None
        The choice of a brain encoder.
    data : instance of TrainingSet
        What is learned from.

    Returns
    -------
    choice : str | dict | Module | None
        A choice with ``positions`` and ``n_subjects``, or with the channels and the
        settings of a pretrained network; any that asks for neither as it was.

    Raises
    ------
    ValueError
        If positions are missing, or none of the channels is one of the network.
    """
    if is_pretrained(choice):
        name, options = split_choice(choice)
        info = data.latent["info"]
        known = know_recording(name, options, info["ch_names"], info["sfreq"])
        return {name: known}
    if not asks_for_subjects(choice):
        return choice
    name, options = split_choice(choice)
    known = {
        "positions": sensor_layout(data.latent["info"]).tolist(),
        "n_subjects": len(data.latent["subjects"]),
    }
    return {name: options | known}


def is_pretrained(choice) -> bool:
    """Tell whether a brain encoder was trained before, by others.

    Parameters
    ----------
    choice : str | dict | Module | None
        The choice of a brain encoder.

    Returns
    -------
    is_pretrained : bool
        Whether it was.
    """
    return isinstance(choice, str | dict) and split_choice(choice)[0] in SOURCES


def take_pretrained(choice, network: BrainAENetwork) -> None:
    """Give a brain encoder that was trained before its weights.

    Parameters
    ----------
    choice : str | dict | Module | None
        The choice of a brain encoder, as the user made it.
    network : instance of BrainAENetwork
        The network before training, changed in place.
    """
    if is_pretrained(choice):
        network.brain_encoder.load(split_choice(choice)[1].get("weights"))
