"""Files of the Hugging Face Hub, by address."""

# License: BSD-3-Clause

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path

#: How the address of a repository begins.
PREFIX = "hf://"
#: What the Hub lets owners, repositories and revisions be called.
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"(?P<repo>{NAME}/{NAME})(?:@(?P<revision>{NAME}(?:/{NAME})*))?")
#: Where the token stands; it is no parameter, so that no script holds it.
TOKEN = "HF_TOKEN"


def is_address(fname) -> bool:
    """Tell whether something is the address of a repository, and no file."""
    return isinstance(fname, str) and fname.startswith(PREFIX)


def split_address(address: str, parameter: str) -> tuple[str, str | None]:
    """Return the repository and the revision that an address names.

    Parameters
    ----------
    address : str
        ``"owner/name"`` or ``"owner/name@revision"``, with ``"hf://"`` before it or
        without.
    parameter : str
        The parameter that holds it, for the error.

    Returns
    -------
    repo : str
        Owner and name.
    revision : str | None
        A branch, a tag or a commit; None where none is named.

    Raises
    ------
    TypeError
        If the address is no str.
    ValueError
        If the Hub has no such names.
    """
    if not isinstance(address, str):
        raise TypeError(
            f"{parameter} must be a str such as 'owner/name', got "
            f"{type(address).__name__}."
        )
    found = ADDRESS.fullmatch(address.removeprefix(PREFIX))
    if found is None or re.search(r"--|\.\.|\.git(?:@|$)", address):
        raise ValueError(
            f"{parameter} must be 'owner/name' or 'owner/name@revision' of letters, "
            "digits, single '-', '_' and '.', which do not end in '.git', got "
            f"{address!r}."
        )
    return found["repo"], found["revision"]


def import_hub():
    """Return the module ``huggingface_hub``, or say how to install it."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise ImportError(
            "Models on the Hugging Face Hub need huggingface_hub. Install it by "
            "`pip install mne_brainae[hub]`."
        ) from error
    return huggingface_hub


def token() -> str | None:
    """Return the token of the environment, None where there is none."""
    return os.environ.get(TOKEN) or None


def fetch_file(address: str, filename: str, parameter: str) -> Path:
    """Return a file of a repository, downloaded where it is not on this machine.

    Parameters
    ----------
    address : str
        The repository, as in :func:`split_address`.
    filename : str
        The file in it.
    parameter : str
        The parameter that holds the address, for errors.

    Returns
    -------
    path : Path
        The file, in the cache of ``huggingface_hub``.

    Raises
    ------
    FileNotFoundError
        If the Hub has no such repository, revision or file, or does not show it.
    ConnectionError
        If the Hub cannot be reached, and the file is not in the cache.
    """
    repo, revision = split_address(address, parameter)
    hub = import_hub()
    with told_plainly(hub, repo, revision, filename):
        found = hub.hf_hub_download(
            repo, filename, revision=revision, token=token() or False
        )
    return Path(found).resolve()  # the cache has links


@contextmanager
def told_plainly(hub, repo: str, revision: str | None, filename: str | None = None):
    """Turn the errors of ``huggingface_hub`` into those of this package."""
    where = repo if revision is None else f"{repo}@{revision}"
    errors = hub.errors
    try:
        yield
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise ConnectionError(
            f"The Hugging Face Hub cannot be reached, and {filename} of {where} was "
            "not downloaded before. Download it on another machine, and give its path."
        ) from error
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.EntryNotFoundError,
    ) as error:
        what = "" if filename is None else f" with a file {filename}"
        raise FileNotFoundError(
            f"The Hugging Face Hub has no {where}{what} that you may read. Check the "
            "name; a private or gated repository needs a token in the environment "
            f"variable {TOKEN}."
        ) from error
    except errors.HfHubHTTPError as error:
        raise ConnectionError(f"The Hub refused {where}: {error}") from error
    except Exception as error:
        # Releases of huggingface_hub pass on the errors of three libraries.
        if not type(error).__module__.startswith(("httpx", "httpcore", "requests")):
            raise
        raise ConnectionError(f"The Hub cannot be reached: {error}") from error
