"""A fitted model on the Hugging Face Hub: weights, configuration and model card."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import mne

from ..scoring.result import Result
from ..utils.checks import logger, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.files import write_arrays
from ..utils.hub import PREFIX, TOKEN, import_hub, split_address, token, told_plainly
from ..utils.units import as_whitened, is_whitened
from .card import model_card

#: The files of a repository.
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
#: Entries of a header that are long, and nothing to configure.
LONG = ("info", "train_images", "feature_names", "learned", "members", "models")


def check_scores(scores, name: str) -> None:
    """Refuse what are no results with a protocol."""
    is_many = isinstance(scores, Iterable) and not isinstance(scores, str)
    if not (is_many and all(isinstance(each, Result) for each in scores)):
        raise TypeError(
            f"{name} must be a sequence of results, as score_encoding and retrieve "
            f"return them, got {scores!r:.80}."
        )


def check_license(terms, name: str) -> None:
    """Refuse what no identifier of a license looks like."""
    if terms is None:
        return
    if not (isinstance(terms, str) and re.fullmatch(r"[A-Za-z0-9.+-]+", terms)):
        raise ValueError(
            f"{name} must be the identifier of a license, such as 'cc-by-4.0', or "
            f"None, got {terms!r}."
        )


def check_repo(repo, name: str) -> None:
    """Refuse a name that the Hub does not take."""
    split_address(repo, name)


class GoesToHub:
    """A model that can be sent to the Hub; ``_pack`` says what its file holds."""

    @checked(
        repo=check_repo,
        scores=check_scores,
        license=check_license,
        private=["boolean"],
    )
    @verbose
    @fill_doc
    def push_to_hub(
        self,
        repo,
        *,
        scores=(),
        license=None,  # noqa: A002
        private=True,
        verbose=None,
    ) -> str:
        """Send the fitted model to the Hugging Face Hub.

        The repository gets three files: the weights as safetensors, what configures
        the model as JSON, and a model card. The token is taken from the environment
        variable ``HF_TOKEN``. What MNE-Python knows of the recorded person, and the
        dates of the recording, are left out; :doc:`/guide/sharing` says what remains.

        Parameters
        ----------
        repo : str
            The repository, ``"owner/name"``, or ``"owner/name@branch"``. It is created
            where there is none.
        scores : sequence of Result
            Scores on test data, such as those of :func:`mne_brainae.score_encoding`
            and of ``retrieve``. The card shows them with their protocols.
        license : str | None
            The license of the weights, such as ``"cc-by-4.0"``, which the recording and
            the images must allow. None states none.
        private : bool
            Whether only the owner sees a repository that is created.
        %(verbose)s

        Returns
        -------
        address : str
            What :func:`mne_brainae.read_brainae` reads exactly this state by.

        Raises
        ------
        RuntimeError
            If the environment has no token.
        ConnectionError
            If the Hub cannot be reached, or refuses.

        See Also
        --------
        mne_brainae.read_brainae : Read the model.

        Examples
        --------
        >>> model.push_to_hub("owner/model-of-sub-01")  # doctest: +SKIP
        'hf://owner/model-of-sub-01@0c4d...'
        """
        self._fitted()
        name, branch = split_address(repo, "repo")
        hub = import_hub()
        if token() is None:
            raise RuntimeError(
                f"Sending a model needs a token: set the environment variable {TOKEN} "
                "to one with the right to write."
            )
        with tempfile.TemporaryDirectory() as folder, told_plainly(hub, name, branch):
            files = write_folder(self, Path(folder), name, scores, license)
            api = hub.HfApi(token=token())
            api.create_repo(name, private=private, exist_ok=True)
            if branch is not None:
                api.create_branch(name, branch=branch, exist_ok=True)
            commit = api.create_commit(
                name,
                [hub.CommitOperationAdd(file.name, file) for file in files],
                commit_message=f"{type(self).__name__} of mne_brainae",
                revision=branch,
            )
        address = f"{PREFIX}{name}@{commit.oid}"
        logger.info(f"Sent the model to {address}.")
        return address


def write_folder(model, folder: Path, name: str, scores, terms) -> list[Path]:
    """Write the files of a repository.

    Parameters
    ----------
    model : instance of Model | GroupModel
        The fitted model.
    folder : Path
        Where to.
    name : str
        What the repository is called, for the card.
    scores : sequence of Result
        Scores for the card.
    terms : str | None
        The license of the weights.

    Returns
    -------
    files : list of Path
        Weights, configuration and card.
    """
    arrays, header = model._pack()
    header = without_particulars(header)
    write_arrays(folder / WEIGHTS, arrays, header)
    short = {key: value for key, value in header.items() if key not in LONG}
    (folder / CONFIG).write_text(json.dumps(short, indent=2) + "\n", "utf-8")
    card = model_card(model, name, scores, terms)
    (folder / CARD).write_text(card, "utf-8")
    return [folder / file for file in (WEIGHTS, CONFIG, CARD)]


def without_particulars(header):
    """Return a header in which no info tells of the person or of dates.

    Parameters
    ----------
    header : object
        A header, or a part of it.

    Returns
    -------
    header : object
        A copy; every ``"info"`` in it is anonymized as MNE-Python does.
    """
    if isinstance(header, list):
        return [without_particulars(each) for each in header]
    if not isinstance(header, dict):
        return header
    return {
        key: _anonymized(value) if key == "info" else without_particulars(value)
        for key, value in header.items()
    }


def _anonymized(info: dict) -> dict:
    info = mne.Info.from_json_dict(info)
    was_whitened = is_whitened(info)  # its description says so
    with info._unlock():
        info["subject_info"] = None  # anonymize keeps sex and hand
        info["proj_id"] = info["proj_name"] = None
        info["device_info"] = info["helium_info"] = None
    info.anonymize(verbose="ERROR")
    info["description"] = None
    return (as_whitened(info) if was_whitened else info).to_json_dict()
