"""Many fits: subjects x settings x seeds, over processes or a cluster."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import operator
import os
import re
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from numbers import Integral
from pathlib import Path

import joblib
import mne
import pandas as pd
from joblib.externals.loky.process_executor import TerminatedWorkerError
from mne.utils import ProgressBar
from sklearn.base import clone

from .models.file import MODEL_FILE
from .models.fingerprints import (
    fingerprint_epochs,
    fingerprint_fit,
    fingerprint_images,
    fingerprint_score,
)
from .models.model import Model
from .models.recipes import RECIPES, make_model, set_by_name
from .models.trained import TrainedModel
from .utils.checks import (
    counted,
    logger,
    verbose,
    warn,
)
from .utils.constraints import JOBS, checked, options
from .utils.docs import fill_doc
from .utils.files import clean_leftovers, replacing
from .utils.fingerprint import fingerprint
from .utils.interrupts import ending_at_interrupt
from .utils.torch_state import threads

TABLE = "fits.csv"


@checked(
    folder=[str, os.PathLike],
    settings=[Mapping, None],
    seeds=[Iterable],
    recipe=[options(*RECIPES)],
    score=[callable, None],
    n_jobs=JOBS,
    keep_models=["boolean"],
    on_error=[options("raise", "warn")],
    overwrite=["boolean"],
)
@verbose
@fill_doc
def fit_many(
    epochs,
    images=None,
    *,
    folder,
    settings: Mapping[str, dict | Model] | None = None,
    seeds: Iterable[int] = (0,),
    recipe: str = "best",
    score: Callable[[Model, str], dict] | None = None,
    n_jobs: int | None = None,
    keep_models: bool = True,
    on_error: str = "raise",
    overwrite: bool = False,
    verbose=None,
    **params,
) -> pd.DataFrame:
    """Fit a model for every subject, setting and seed.

    Parameters
    ----------
    epochs : dict | Epochs | path-like
        Brain responses by subject: Epochs, or files that :func:`mne.read_epochs`
        reads. One of either is one subject, ``"all"``. Subjects and settings name
        files: letters, digits, ``.``, ``+``, ``-`` and ``_``, and no two of them may
        differ by case only.
    %(images)s
        All subjects share them.
    folder : path-like
        Where models and results are kept, one pair of files per fit, such as
        ``01_set-paper_seed-0.json``, and the table ``fits.csv``. An underscore in a
        name is written twice.
    settings : dict of dict | dict of Model | None
        Parameters of the model by name of the setting, or models that are not
        fitted, such as :class:`mne_brainae.LinearEncodingModel`, to which neither
        recipe nor ``params`` apply. None is one setting, ``"default"``.
    seeds : iterable of int
        The ``random_state`` of each fit.
    recipe : str
        The named settings to start from, as in :func:`mne_brainae.fit`.
    score : callable | None
        ``score(model, subject)`` returns numbers by name, which become columns. It
        runs where the fit ran. Another one than that of finished fits is another
        setting: it is told by its name and source and by what a
        ``functools.partial`` or an object holds, not by global variables. Of a
        :class:`pathlib.Path` the content of the file counts, so that a file which the
        score writes is better given as ``str``. An object may say itself what it is,
        by a method ``fingerprint(subject)``.
    n_jobs : int | None
        How many processes. None takes it from :func:`joblib.parallel_config`, or is
        one.
    keep_models : bool
        Whether models are written, too, and not only their results.
    on_error : ``"raise"`` | ``"warn"``
        Whether a fit that fails ends the call, or is a warning and a row of which only
        the column ``error`` says something. The next call tries it again.
    overwrite : bool
        Whether fits of other data or settings in ``folder``, or with other scores, and
        damaged results are replaced.
    %(verbose)s
    **params
        Parameters of the model for all fits, as in :func:`mne_brainae.fit`.

    Returns
    -------
    fits : DataFrame, shape (n_fits, n_columns)
        One row per fit: ``subject``, ``setting``, ``seed``, ``fname`` of the model,
        ``n_epochs``, ``best_epoch``, ``validation_loss``, ``seconds`` and the scores;
        and ``error``, if any fit failed.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C. What is done stays done, and fits in training keep their checkpoints.
    ValueError
        If names or seeds come twice or cannot name files, if ``folder`` holds results
        of other data, settings or scores, or damaged ones, and if a parameter or the
        score cannot be told from another one.
    RuntimeError
        If a process was killed, perhaps because memory ran out.

    See Also
    --------
    mne_brainae.fit
    mne_brainae.cross_validate

    Notes
    -----
    Every fit runs on one thread, which is faster than many threads on one fit, and
    gives the same models however many processes there are. Threads of one process, as
    some clusters use, wait for one another. Epochs in memory reach the
    processes of one machine as a memory map, not as copies.

    What is done is not done again: called again with the same arguments, it goes on
    where it was killed, within a fit, too. Parameters are told by their content, such
    as the weights of a module, and images by those that the epochs show, but not the
    device, ``verbose``, ``n_jobs``, ``checkpoint`` and ``memory_map``.

    On a cluster, give files on a shared disk, and::

        with joblib.parallel_config("dask"):  # of the current dask.distributed client
            fit_many(files, images, folder=folder)

    Examples
    --------
    >>> results = mne_brainae.fit_many(
    ...     {"sub-01": epochs_1, "sub-02": epochs_2},
    ...     "images/",
    ...     folder="fits",
    ...     seeds=range(3),
    ... )  # doctest: +SKIP
    """
    folder = Path(folder)
    epochs = epochs if isinstance(epochs, Mapping) else {"all": epochs}
    epochs = _by_name("epochs", epochs)
    settings = {"default": {}} if settings is None else settings
    settings = _by_name("settings", settings)
    _check_settings(settings)
    jobs = _jobs(epochs, images, settings, _checked_seeds(seeds), folder, score)
    if folder.is_dir():
        clean_leftovers(folder)
    for job in jobs:
        job.settle(recipe, params, overwrite)
    waiting = [job for job in jobs if not job.is_done()]
    logger.info(
        f"Done already: {len(jobs) - len(waiting)} of {counted(len(jobs), 'fit')}."
    )
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    errors = {}
    finished = parallel(
        joblib.delayed(_run if on_error == "raise" else _try)(
            _Work(job, epochs[job.subject], images, score, keep_models, verbose)
        )
        for job in waiting
    )
    try:
        with warnings.catch_warnings():
            # joblib replaces a process whose memory has grown, which fits may do.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            for failed in ProgressBar(finished, mesg="Fits", max_value=len(waiting)):
                errors |= failed or {}
                _write_table(jobs, folder, errors)
    except KeyboardInterrupt:
        n_done = sum(job.is_done() for job in jobs)
        logger.info(
            f"Interrupted: {n_done} of {len(jobs)} fits are done, and those in "
            "training have a checkpoint. Call fit_many again to go on."
        )
        raise
    except TerminatedWorkerError as error:
        n_done = sum(job.is_done() for job in jobs)
        raise RuntimeError(
            f"A process was killed, perhaps because memory ran out: {n_done} of "
            f"{len(jobs)} fits are done. Call fit_many again to go on, with fewer "
            "n_jobs if memory was short."
        ) from error
    if errors:
        name, error = next(iter(errors.items()))
        warn(
            f"{len(errors)} of {counted(len(jobs), 'fit')} failed, such as {name!r}: "
            f"{error}. What failed has no result."
        )
    return _write_table(jobs, folder, errors)


def name_of_fit(subject: str, setting: str, seed: int) -> str:
    """Return the name of the files of a fit, without their suffix.

    Parameters
    ----------
    subject, setting : str
        What is fitted.
    seed : int
        The seed.

    Returns
    -------
    name : str
        No two fits share it.
    """
    # Underscores of a label are doubled, so that a single one ends it.
    subject, setting = (label.replace("_", "__") for label in (subject, setting))
    return f"{subject}_set-{setting}_seed-{seed}"


@dataclass
class _Job:
    """One fit and the files that hold it."""

    subject: str
    setting: str
    seed: int
    model: dict | Model
    folder: Path
    data: str  # fingerprint of epochs and images
    score: str  # and of the scorer, which changes no model
    fingerprint: str = ""

    @property
    def name(self) -> str:
        """Name the fit; no two of other subjects, settings or seeds share a name."""
        return name_of_fit(self.subject, self.setting, self.seed)

    @property
    def model_file(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    @property
    def result_file(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.name}.{self.fingerprint}.checkpoint.safetensors"

    def settle(self, recipe: str, params: dict, overwrite: bool) -> None:
        """Complete the parameters, and check what a former call has left."""
        if not isinstance(self.model, Model):
            self.model = make_model(recipe, **params | self.model)
        self.model = clone(self.model)
        if "random_state" in self.model.get_params(deep=False):
            self.model.set_params(random_state=self.seed)
        self.model.check()
        self.fingerprint = fingerprint_fit(
            self.model, MODEL_FILE, self.data, seed=self.seed
        )
        if not self.result_file.exists():
            return
        try:
            self._check_result()
        except ValueError:
            if not overwrite:
                raise
            self.result_file.unlink()
            # If this fit fails, or is not kept, the table must not name the former one.
            self.model_file.unlink(missing_ok=True)

    def _check_result(self) -> None:
        """Refuse what another call has left."""
        if self.is_done():
            self._remove_checkpoints()  # if it was killed before it could
            return
        is_fit = self._read()["fingerprint"] == self.fingerprint
        differs = "another score" if is_fit else "other data or settings"
        raise ValueError(
            f"{self.result_file} is of {differs} than this call. Give another folder, "
            "or overwrite=True."
        )

    def is_done(self) -> bool:
        """Return whether the fit has ended; its result is written last."""
        if not self.result_file.exists():
            return False
        found = self._read()
        return (found["fingerprint"], found["score"]) == (self.fingerprint, self.score)

    def _read(self) -> dict:
        try:
            found = json.loads(self.result_file.read_text())
            found = {name: found[name] for name in ("fingerprint", "score", "row")}
            return found | {"row": dict(found["row"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.result_file} is damaged, or no result of fit_many "
                f"({type(error).__name__}: {error}). Delete it, or give "
                "overwrite=True, to fit again."
            ) from error

    def row(self, error: str | None = None) -> dict:
        """Return the result, or what went wrong, as a row of the table."""
        found = self._read()["row"] if error is None else {"error": error}
        return {
            "subject": self.subject,
            "setting": self.setting,
            "seed": self.seed,
            "fname": str(self.model_file) if self.model_file.exists() else None,
            **found,
        }

    def new_model(self) -> Model:
        """Return the model, with a checkpoint if it can have one."""
        model = clone(self.model)
        if isinstance(model, TrainedModel) and model._training.checkpoint is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            set_by_name(model, {"checkpoint": self.checkpoint})
        return model

    def finish(self, model: Model, seconds: float, scores: dict, keep: bool) -> None:
        """Write the model, then the result, then let checkpoints go."""
        if keep:
            model.save(self.model_file, overwrite=True)
        row = {
            **_told_by_history(model),
            "seconds": seconds,
            **{name: float(value) for name, value in scores.items()},
        }
        result = {"fingerprint": self.fingerprint, "score": self.score, "row": row}
        with replacing(self.result_file) as temporary:
            temporary.write_text(json.dumps(result, indent=1))
        self._remove_checkpoints()

    def _remove_checkpoints(self) -> None:
        for file in self.folder.glob(f"{self.name}.*.checkpoint*.safetensors"):
            file.unlink(missing_ok=True)


def _told_by_history(model: Model) -> dict:
    """Return the epochs of a training, of which a closed form has none."""
    if not isinstance(model, TrainedModel):
        return {"n_epochs": 0, "best_epoch": -1, "validation_loss": float("nan")}
    best, loss = model.best_epoch_, float("nan")
    if best >= 0:
        loss = float(model.history_["validation_total"].iloc[best])
    return {
        "n_epochs": len(model.history_),
        "best_epoch": best,
        "validation_loss": loss,
    }


def _by_name(what: str, given: Mapping) -> dict:
    """Return a mapping with names as strings, no two of which name one file."""
    if not given:
        raise ValueError(f"{what} are empty, expected one or more, by name.")
    named, taken = {}, {}
    for key, each in given.items():
        name = str(key)
        if not re.fullmatch(r"[\w.+-]+", name):
            raise ValueError(
                f"{what} name files; {name!r} must be of letters, "
                "digits, '.', '+', '-' and '_'."
            )
        on_disk = unicodedata.normalize("NFC", name).casefold()
        if on_disk in taken:
            raise ValueError(
                f"{what} has {taken[on_disk]!r} and {key!r}, which name the same files "
                "(at least on disks that ignore case). Rename one of them."
            )
        named[name], taken[on_disk] = each, key
    return named


def _check_settings(settings: dict) -> None:
    """Refuse settings that are neither parameters nor models."""
    for name, each in settings.items():
        if not isinstance(each, dict | Model):
            raise TypeError(
                f"settings[{name!r}] must be a dictionary of parameters or a model "
                f"that is not fitted, got {each!r}."
            )


def _checked_seeds(seeds: Iterable[int]) -> list[int]:
    checked = []
    for seed in seeds:
        if not isinstance(seed, Integral) or seed < 0:
            raise ValueError(f"seeds must be integers of at least 0, got {seed!r}.")
        checked.append(operator.index(seed))
    if not checked:
        raise ValueError("seeds are empty, expected one or more.")
    if len(set(checked)) < len(checked):
        raise ValueError(f"seeds must differ, got {checked}.")
    return checked


def _jobs(epochs, images, settings, seeds, folder: Path, score) -> list[_Job]:
    data = {
        subject: fingerprint(fingerprint_epochs(each), fingerprint_images(each, images))
        for subject, each in epochs.items()
    }
    scores = {subject: fingerprint_score(score, subject) for subject in epochs}
    return [
        _Job(
            subject,
            setting,
            seed,
            settings[setting],
            folder,
            data[subject],
            scores[subject],
        )
        for subject, setting, seed in product(epochs, settings, seeds)
    ]


@dataclass
class _Work:
    """All that one fit needs, in one object.

    Bare arrays and tables would be lost with a worker: joblib leaves the only copy of
    them with one worker of a cluster.
    """

    job: _Job
    epochs: object
    images: object
    score: Callable | None
    keep: bool
    level: object


def _try(work: _Work) -> dict[str, str] | None:
    """Fit one model; what goes wrong is returned, not raised."""
    try:
        _run(work)
    except Exception as error:
        return {work.job.name: f"{type(error).__name__}: {error}"}


def _run(work: _Work) -> None:
    """Fit one model on one thread."""
    with threads(1), ending_at_interrupt():
        _fit_and_score(work)


def _fit_and_score(work: _Work) -> None:
    job, epochs, score = work.job, work.epochs, work.score
    start = time.perf_counter()
    try:
        if not isinstance(epochs, mne.BaseEpochs):
            epochs = mne.read_epochs(epochs, preload=False, verbose="WARNING")
        model = job.new_model()
        with mne.utils.use_log_level(work.level or "WARNING"):
            model.fit(epochs, work.images)
            seconds = time.perf_counter() - start
            scores = {} if score is None else score(model, job.subject)
            job.finish(model, seconds, scores, work.keep)
    except Exception as error:
        error.add_note(f"This was the fit {job.name!r}.")
        raise


def _write_table(
    jobs: list[_Job], folder: Path, errors: Mapping[str, str]
) -> pd.DataFrame:
    known = [job for job in jobs if job.is_done() or job.name in errors]
    table = pd.DataFrame([job.row(errors.get(job.name)) for job in known])
    with replacing(folder / TABLE) as temporary:
        table.to_csv(temporary, index=False)
    return table
