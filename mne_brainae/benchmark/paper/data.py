"""The data of tables and figures: subjects, simulations, and settings of the fits."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from .recordings import SIMULATION, Recording, from_bids, simulated
from .spec import Table
from .tables import TABLES

#: Where fits of simulated data depart from the paper, to end within seconds.
QUICK = {
    "n_embedding": 128,
    "n_kernels": 16,
    "kernel_length": 10,
    "max_epochs": 20,
    "min_updates": 100,
}
#: A simulation and fits of seconds, to see that all runs.
SMALL = {
    "n_train_concepts": 16,
    "n_test_concepts": 8,
    "n_exemplars": 4,
    "n_templates": 2,
    "n_test_repetitions": 4,
    "snr": 1.0,
    "tmin": 0.0,
    "tmax": 0.4,
}
TRIAL = {"n_embedding": 16, "n_kernels": 8, "max_epochs": 2, "min_updates": 1}
BRIEF = QUICK | {"n_embedding": 16, "max_epochs": 2, "min_updates": 1}
#: As long as the paper's window: rhythms need their cycles, some encoders 75 samples.
LONG = {"tmax": 0.99}
#: The encoders that need so many, of a simulation at 100 Hz.
LONG_ENCODERS = {"nice", "atm", "mb2c", "shallow", "conformer"}


def fit_settings(*, is_simulated: bool, is_small: bool) -> dict:
    """Return what fits have different from the paper.

    Parameters
    ----------
    is_simulated : bool
        Whether the data are a simulation.
    is_small : bool
        Whether fits take seconds.

    Returns
    -------
    settings : dict
        Parameters of the model.
    """
    if is_simulated:
        return BRIEF if is_small else QUICK
    return TRIAL if is_small else {}


def needs_long_windows(table: Table) -> bool:
    """Return whether an encoder of the fits is too long for short simulations.

    Parameters
    ----------
    table : instance of Table
        The table. Those whose fits it takes count, of all data sets, because they
        share a simulation.

    Returns
    -------
    is_long : bool
        Whether a simulation has to be as long as the recordings of the paper.
    """
    encoders = {
        encoder
        for row in TABLES[table.fits].rows
        for encoder in (row.recipe, row.settings.get("brain_encoder"))
    }
    return bool(LONG_ENCODERS & encoders)


def image_encoders(table: Table, name: str, default: str) -> list[str]:
    """Return the image encoders that the rows of a data set ask for.

    Parameters
    ----------
    table : instance of Table
        The table.
    name : str
        The data set.
    default : str
        The image encoder of rows that name none.

    Returns
    -------
    encoders : list of str
        Each of them once.
    """
    own = [row.image_encoder for row in table.rows if row.data == name]
    return list(dict.fromkeys(encoder or default for encoder in own))


def find_subjects(
    names: Iterable[str], asked: list[str] | None, *, is_simulated: bool
) -> dict[str, list[str]]:
    """Return the subjects of every data set that are asked for, as it writes them.

    Parameters
    ----------
    names : iterable of str
        The data sets.
    asked : list of str | None
        Subjects without leading zeros; None takes all, or two of a simulation.
    is_simulated : bool
        Whether the data are a simulation, whose subjects may have any name.

    Returns
    -------
    subjects : dict of list
        Of each data set those that it has.

    Raises
    ------
    ValueError
        If no data set has a subject, or a data set has none.
    """
    known = {name: import_module(f"mne_brainae.datasets.{name}") for name in names}
    known = {name: list(module.SUBJECTS) for name, module in known.items()}
    if asked is None:
        n_each = 2 if is_simulated else None
        return {name: all_[:n_each] for name, all_ in known.items()}
    spelled = {name: {s.lstrip("0"): s for s in all_} for name, all_ in known.items()}
    if is_simulated:
        return {name: [by.get(s, s) for s in asked] for name, by in spelled.items()}
    strange = [word for word in asked if not any(word in by for by in spelled.values())]
    found = {name: [by[s] for s in asked if s in by] for name, by in spelled.items()}
    for name, subjects in found.items():
        if strange or not subjects:
            raise ValueError(
                f"{name} has the subjects {', '.join(known[name])}, not "
                f"{', '.join(strange or asked)}."
            )
    return found


def simulate_recordings(
    subjects: dict[str, list[str]],
    folder: Path,
    *,
    is_small: bool = False,
    is_long: bool = False,
) -> list[Recording]:
    """Simulate what is not there yet.

    Parameters
    ----------
    subjects : dict of list
        The subjects of every data set.
    folder : Path
        Where the files go.
    is_small : bool
        Whether a fit takes seconds.
    is_long : bool
        Whether windows are as long as those of the paper.

    Returns
    -------
    recordings : list of Recording
        One per data set.
    """
    simulation = (SMALL if is_small else SIMULATION) | (LONG if is_long else {})
    return [
        simulated(name, some, folder, simulation) for name, some in subjects.items()
    ]


def read_recordings(
    subjects: dict[str, list[str]],
    folder: Path,
    *,
    roots: dict[str, str],
    images: Path,
    encoders: dict[str, list[str]],
    default: str,
    has_templates: bool = True,
    preprocessed: bool = False,
) -> list[Recording]:
    """Prepare what is not prepared yet, for every image encoder of a data set.

    Parameters
    ----------
    subjects : dict of list
        The subjects of every data set.
    folder : Path
        Where the files go.
    roots : dict of str
        The BIDS folder of every data set.
    images : Path
        The folder ``object_images`` of THINGS.
    encoders : dict of list
        The image encoders of every data set.
    default : str
        The image encoder of rows that name none.
    has_templates : bool
        Whether the features of templates are computed, which only classification needs.
    preprocessed : bool
        Whether the folders hold what the authors of the data preprocessed.

    Returns
    -------
    recordings : list of Recording
        One per data set and image encoder.
    """
    return [
        from_bids(
            name,
            roots[name],
            some,
            folder,
            images=images,
            image_encoder=encoder,
            is_default=encoder == default,
            has_templates=has_templates,
            preprocessed=preprocessed,
        )
        for name, some in subjects.items()
        for encoder in encoders[name]
    ]
