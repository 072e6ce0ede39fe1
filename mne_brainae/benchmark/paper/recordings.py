"""The recordings of a table, prepared once in files that every fit reads."""

# License: BSD-3-Clause

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from zlib import crc32

import mne
import numpy as np
import pandas as pd

from ...datasets import simulate
from ...datasets.things import find_templates
from ...images import compute_image_features
from ...images.files import locate_images
from ...preprocessing.averaging import average_repetitions
from ...preprocessing.whitening import MVNN
from ...scoring.templates import compute_template_features
from ...utils.checks import logger
from ...utils.files import read_arrays, write_arrays

#: What the simulation of each data set is like.
KINDS = {"things_eeg2": "eeg", "things_meg": "meg", "tvsd": "mua"}
#: Only EEG is whitened (section 4.1).
WHITENED = ("things_eeg2",)
#: The files of what the authors of the data preprocessed, at any depth of a folder.
PREPROCESSED = {
    "things_eeg2": "sub-{subject}/preprocessed_eeg_{partition}.npy",
    "things_meg": "preprocessed_P{subject}-epo.fif",
    "tvsd": "monkey{subject}/THINGS_normMUA.mat",
}
THEIR_PARTITIONS = {"train": "training", "test": "test"}
SIMULATION = {
    "n_train_concepts": 100,
    "n_test_concepts": 40,
    "n_exemplars": 4,
    "n_templates": 3,
    "n_test_repetitions": 20,
    "snr": 0.05,
    "tmin": 0.0,
    "tmax": 0.6,
}
#: Fewer subjects are too few to fit to all others but one.
LEAST_OTHERS = 3
KIND, VERSION = "image features of a benchmark", 1


@dataclass
class Recording:
    """The files of one data set, and the features of its images.

    Parameters
    ----------
    name : str
        The data set.
    simulated : bool
        Whether it is a simulation with the layout of the data set.
    train, test : dict of Path
        Training averages and single test trials, by subject.
    features : DataFrame, shape (n_images, n_features)
        The features of all images that are shown.
    templates : dict of DataFrame
        The features of the templates of the test concepts, by subject.
    encoder : str
        What computed the features.
    is_default : bool
        Whether this is the image encoder of rows that name none.
    preprocessed : bool
        Whether others preprocessed the responses.
    images : Path | None
        The folder of the images that were shown; None where the epochs name each file
        in ``metadata["image_path"]``, as those of a simulation do.
    """

    name: str
    simulated: bool
    train: dict[str, Path]
    test: dict[str, Path]
    features: pd.DataFrame
    templates: dict[str, pd.DataFrame]
    encoder: str
    is_default: bool = True
    preprocessed: bool = False
    images: Path | None = None

    def shuffled(self) -> pd.DataFrame:
        """Deal the features of the images out among them by chance.

        Returns
        -------
        features : DataFrame, shape (n_images, n_features)
            The same index, the rows permuted among the images of the training and among
            the others, so that a model of these knows nothing of its images and has
            seen no features of the test. One keeps its place on average.
        """
        # In a simulation every subject has images of its own, in a folder.
        names = self.features.index
        owners = [name.partition("/")[0] if self.simulated else "" for name in names]
        parts = []
        keys = [owners, names.isin(self._trained())]
        for _, part in self.features.groupby(keys, sort=False):
            order = np.random.default_rng(0).permutation(len(part))
            parts.append(part.iloc[order].set_axis(part.index))
        return pd.concat(parts).loc[names]

    def _trained(self) -> set[str]:
        """Return the names of all images in training."""
        files = self.train.values()
        read = [mne.read_epochs(f, preload=False, verbose="ERROR") for f in files]
        return set().union(*(epochs.metadata["image"] for epochs in read))


def simulated(
    name: str, subjects: Iterable, folder: Path, simulation: dict | None = None
) -> Recording:
    """Simulate subjects with the layout of a data set.

    Parameters
    ----------
    name : str
        The data set.
    subjects : iterable of str
        The subjects; each sees other images with another brain.
    folder : path-like
        Where the files go. What is there is not made again.
    simulation : dict | None
        Parameters of :func:`mne_brainae.datasets.simulate`; None takes a recording on
        which a fit takes seconds.

    Returns
    -------
    recording : instance of Recording
        The simulation, seen through the built-in image features.
    """
    simulation = simulation or SIMULATION
    # Other simulations go to other folders, and a subject is the same in any company.
    kind = f"simulated_{name}_{crc32(repr(simulation).encode()):08x}"
    files, features, templates = {}, [], {}
    for subject in subjects:
        place = Path(folder) / kind / str(subject)
        if not place.exists():
            data = simulate(
                KINDS[name],
                path=Path(folder) / "images",
                random_state=crc32(str(subject).encode()) % 2**31,
                **simulation,
            )
            for epochs in (data.train, data.test):
                shown = epochs.metadata["image"]
                pictures = locate_images(data.images, list(shown.unique()))
                epochs.metadata["image_path"] = shown.map(pictures).map(str)
                epochs.metadata["image"] = f"{subject}/" + epochs.metadata["image"]
            _write(place, data, _whiten(name, data.train, data.test))
        files[str(subject)] = place
        features.append(_read(place / "features.safetensors"))
        templates[str(subject)] = _read(place / "templates.safetensors")
    return Recording(
        name,
        True,
        {s: place / "train-epo.fif" for s, place in files.items()},
        {s: place / "test-epo.fif" for s, place in files.items()},
        pd.concat(features),
        templates,
        "gabor",
    )


def _whiten(name: str, train: mne.BaseEpochs, test: mne.BaseEpochs) -> tuple:
    if name not in WHITENED:
        return train, test
    mvnn = MVNN().fit(train)
    return mvnn.transform(train), mvnn.transform(test)


def _write(place: Path, data, epochs: tuple) -> None:
    """Write the epochs and features of a simulated subject."""
    train, test = epochs
    names = pd.concat([train.metadata["image"], test.metadata["image"]]).unique()
    shown = compute_image_features(data.images, "gabor")
    features = shown.loc[[name.partition("/")[2] for name in names]].set_axis(names)
    templates = compute_template_features(
        data.templates, lambda files: compute_image_features(files, "gabor")
    )

    def write(folder: Path) -> None:
        _save(folder, average_repetitions(train), test)
        _write_features(folder / "features.safetensors", features)
        _write_features(folder / "templates.safetensors", templates)

    _whole(place, write)


def _save(folder: Path, train: mne.BaseEpochs, test: mne.BaseEpochs) -> None:
    _save_one(folder, "train", train)
    _save_one(folder, "test", test)


def _save_one(folder: Path, part: str, epochs: mne.BaseEpochs) -> None:
    epochs.save(folder / f"{part}-epo.fif", verbose="WARNING")


def _whole(place: Path, write: Callable[[Path], None]) -> None:
    """Write a folder that is whole or absent."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        write(temporary)
        temporary.replace(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_features(path: Path, features: pd.DataFrame) -> None:
    index = [list(row) if isinstance(row, tuple) else row for row in features.index]
    header = {"kind": KIND, "version": VERSION, "index": index}
    write_arrays(path, {"features": features.to_numpy("float32")}, header)


def _read(path: Path) -> pd.DataFrame:
    arrays, header = read_arrays(path, kind=KIND, version=VERSION)
    index = header["index"]
    if isinstance(index[0], list):
        index = pd.MultiIndex.from_tuples(index, names=["concept", "image"])
    else:
        index = pd.Index(index, name="image")
    return pd.DataFrame(arrays["features"], index=index)


def from_bids(
    name: str,
    bids_root: str | Path,
    subjects: Iterable[str],
    folder: Path,
    *,
    images: str | Path,
    image_encoder: str,
    is_default: bool = True,
    has_templates: bool = True,
    preprocessed: bool = False,
    device: str = "auto",
) -> Recording:
    """Read the subjects of a data set as the paper does.

    Parameters
    ----------
    name : str
        The data set.
    bids_root : path-like
        The folder of the BIDS data set.
    subjects : iterable of str
        The subjects.
    folder : path-like
        Where the prepared epochs and features go. What is there is not made again.
    images : path-like
        The folder ``object_images`` of THINGS. The templates of a test concept are its
        images that are not test stimuli.
    image_encoder : str
        What turns images into features.
    is_default : bool
        Whether it is the image encoder of rows that name none.
    has_templates : bool
        Whether the features of templates are computed, which only classification needs.
    preprocessed : bool
        Whether ``bids_root`` holds what the authors of the data preprocessed, below
        :data:`PREPROCESSED`, in place of raw recordings.
    device : str
        ``"auto"`` or a PyTorch device, for the image encoder.

    Returns
    -------
    recording : instance of Recording
        The recording.
    """
    # What was prepared of another folder is not taken for this one.
    kind = f"{name}_{crc32(str(Path(bids_root).resolve()).encode()):08x}"
    kind += "_preprocessed" if preprocessed else ""
    read = _read_preprocessed if preprocessed else _read_subject
    places = {str(subject): Path(folder) / kind / str(subject) for subject in subjects}
    tables = []
    for subject, place in places.items():
        if not place.exists():
            logger.info(f"Reading {name}, subject {subject}.")
            epochs = read(name, bids_root, subject)
            _whole(place, lambda to, epochs=epochs: _save(to, *epochs))
        for part in ("train", "test"):
            epochs = mne.read_epochs(
                place / f"{part}-epo.fif", preload=False, verbose="WARNING"
            )
            tables.append(epochs.metadata.assign(part=part, subject=subject))
    shown = pd.concat(tables, ignore_index=True)

    def compute(files, names=None) -> pd.DataFrame:
        return compute_image_features(files, image_encoder, names=names, device=device)

    features = compute(images, list(shown["image"].unique()))
    templates = {}
    if has_templates:
        for subject, table in shown[shown["part"] == "test"].groupby("subject"):
            files = find_templates(images, table)
            templates[subject] = compute_template_features(files, compute)
    return Recording(
        name,
        False,
        {s: place / "train-epo.fif" for s, place in places.items()},
        {s: place / "test-epo.fif" for s, place in places.items()},
        features,
        templates,
        image_encoder,
        is_default,
        preprocessed,
        Path(images),
    )


def _read_subject(name: str, bids_root, subject: str) -> tuple:
    """Return training averages and single test trials."""
    reader = import_module(f"...datasets.{name}", __package__).read_epochs
    given = {"mvnn": MVNN()} if name in WHITENED else {}
    train = reader(bids_root, subject, "train", average=True, **given)
    return train, reader(bids_root, subject, "test", **given)


def _read_preprocessed(name: str, root, subject: str) -> tuple:
    """Return training averages and single test trials that others preprocessed."""
    reader = import_module(f"...datasets.{name}", __package__).read_preprocessed
    read = []
    for partition in ("train", "test"):
        file = _find_preprocessed(name, Path(root), subject, partition)
        given = (file, subject) if name == "tvsd" else (file,)
        read.append(reader(*given, partition, average=partition == "train"))
    return tuple(read)


def _find_preprocessed(name: str, root: Path, subject: str, partition: str) -> Path:
    """Find the file of a subject, at any depth."""
    words = {"subject": subject, "partition": THEIR_PARTITIONS[partition]}
    pattern = PREPROCESSED[name].format(**words)
    found = sorted(root.rglob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(
            f"There are {len(found)} files {pattern} below {root}, expected one."
        )
    return found[0]


def fitted_to_others(recording: Recording) -> dict[str, Path]:
    """Join the training averages of all subjects but one, for every subject.

    Parameters
    ----------
    recording : instance of Recording
        The recording.

    Returns
    -------
    train : dict of Path
        By the subject that is left out. A model averages what several subjects saw.

    Raises
    ------
    ValueError
        If a subject has other channels or times than the first one.
    """
    spaces = {}
    for subject, file in recording.train.items():
        epochs = mne.read_epochs(file, preload=False, verbose="WARNING")
        spaces[subject] = (epochs.ch_names, epochs.times.round(6).tolist())
    first, *others = spaces
    strange = [subject for subject in others if spaces[subject] != spaces[first]]
    if strange:
        raise ValueError(
            f"{recording.name}: subjects {', '.join(strange)} have other channels or "
            f"times than subject {first}; nothing can be fitted across them."
        )
    key = f"{crc32(repr(sorted(spaces)).encode()):08x}"
    joined = {}
    for subject in spaces:
        place = recording.train[first].parents[1] / f"without_{subject}_of_{key}"
        if not place.exists():
            some = [
                mne.read_epochs(recording.train[other], verbose="WARNING")
                for other in spaces
                if other != subject
            ]
            epochs = mne.concatenate_epochs(
                some, on_mismatch="ignore", verbose="WARNING"
            )
            _whole(place, lambda to, epochs=epochs: _save_one(to, "train", epochs))
        joined[subject] = place / "train-epo.fif"
    return joined
