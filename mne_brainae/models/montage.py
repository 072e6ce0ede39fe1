"""What a brain encoder has to know of sensors and subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from ..nn.choice import split_choice
from ..nn.encoders import OF_SUBJECTS
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
        A choice with ``positions`` and ``n_subjects``, and any that does not ask for
        them as it was.

    Raises
    ------
    ValueError
        If positions are missing.
    """
    if not asks_for_subjects(choice):
        return choice
    name, options = split_choice(choice)
    known = {
        "positions": sensor_layout(data.latent["info"]).tolist(),
        "n_subjects": len(data.latent["subjects"]),
    }
    return {name: options | known}
