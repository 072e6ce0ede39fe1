"""Weights of image networks: in a given file, on this machine, or to be downloaded."""

# License: BSD-3-Clause

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.bounds import check_archive, check_regular
from ..utils.checks import five, logger
from ..utils.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

RANDOM = "random"
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class PublishedWeights:
    """Where the weights of a network are published.

    Parameters
    ----------
    repository : str | None
        The repository on the Hugging Face hub.
    filenames : tuple of str
        The file there, in the order of preference.
    url : str | None
        The address where there is no repository.
    """

    repository: str | None = None
    filenames: tuple[str, ...] = ()
    url: str | None = None

    @property
    def address(self) -> str:
        """The address of the file to fetch."""
        if self.repository is None:
            return str(self.url)
        return f"https://huggingface.co/{self.repository}/resolve/main/{self.filename}"

    @property
    def filename(self) -> str:
        """The name of the file."""
        return self.filenames[0] if self.filenames else str(self.url).split("/")[-1]


def find_weights(published: PublishedWeights, network: str) -> Path:
    """Return the file of published weights, fetched if it is not on this machine.

    Parameters
    ----------
    published : PublishedWeights
        Where they are.
    network : str
        The network, for messages.

    Returns
    -------
    path : Path
        The file. No network is asked when it is in the cache of the Hugging Face hub or
        of PyTorch.

    Raises
    ------
    RuntimeError
        If the weights cannot be fetched. The message names the file.
    """
    if path := at_hand(published):
        return path
    logger.info(f"Fetching the weights of {network} from {published.address}.")
    try:
        return _fetch(published)
    except Exception as error:  # offline, refused, gone, disk full: all kinds
        raise RuntimeError(
            f"The weights of {network} are not on this machine and could not be "
            f"downloaded ({_reason(error)}). Fetch {published.address} where there is "
            f"a network, and give the file: pretrained='path/to/{published.filename}'. "
            "pretrained='random' takes untrained weights."
        ) from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def at_hand(published: PublishedWeights) -> Path | None:
    """Look where earlier downloads lie, without a network.

    Parameters
    ----------
    published : PublishedWeights
        Where they are published.

    Returns
    -------
    path : Path | None
        The file, or None if it is not on this machine.
    """
    if published.repository is None:
        path = _torch_folder() / published.filename
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    for filename in published.filenames:
        path = try_to_load_from_cache(published.repository, filename)
        if isinstance(path, str):
            return Path(path)
    return None


def _fetch(published: PublishedWeights) -> Path:
    if published.repository is None:
        from torch.hub import HASH_REGEX, download_url_to_file

        path = _torch_folder() / published.filename
        digest = HASH_REGEX.search(published.filename)
        with replacing(path) as temporary:
            download_url_to_file(
                published.url, str(temporary), digest[1] if digest else None
            )
        return path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    *others, last = published.filenames
    for filename in others:
        try:
            return Path(hf_hub_download(published.repository, filename))
        except EntryNotFoundError:
            continue
    return Path(hf_hub_download(published.repository, last))


def _torch_folder() -> Path:
    from torch.hub import get_dir

    return Path(get_dir(), "checkpoints")


def local_weights(path: str | Path, preferred: Sequence[str] = ()) -> Path:
    """Find the weights that a user names by a file or a folder.

    Parameters
    ----------
    path : path-like
        The file, or a folder with one file of weights.
    preferred : sequence of str
        File names that are taken if a folder holds several.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If the folder has no file of weights, or several.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return path
    for name in preferred:
        if (path / name).is_file():
            return path / name
    found = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file())
    if len(found) != 1:
        what = f"several files of weights: {five(p.name for p in found)}"
        raise ValueError(
            f"pretrained={str(path)!r} is a folder with "
            f"{what if found else 'no file of weights'}. Name the file, which ends in "
            f"{', '.join(SUFFIXES)}."
        )
    return found[0]


def read_tensors(path: Path):
    """Read what ``torch.save`` or safetensors wrote; nothing in it is executed.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    contents : Tensor | dict | list
        Tensors and plain containers of them.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or holds more than that.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_regular(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_archive(archive, path)
        contents = torch.load(path, map_location="cpu", weights_only=True)
        for tensor in _tensors_in(contents):
            _check_storage(tensor, path)
        return contents
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a complete file of tensors, or has another format "
            f"({_reason(error)})."
        ) from None
    except Exception as error:  # pickle.UnpicklingError: code instead of tensors
        raise ValueError(
            f"{path} holds more than tensors and is not read, because that could run "
            "code of whoever wrote it. Save the tensors alone."
        ) from error


def _tensors_in(contents) -> Iterator[Tensor]:
    """Yield all tensors of nested containers."""
    from torch import Tensor

    if isinstance(contents, Tensor):
        yield contents
    elif isinstance(contents, dict | list | tuple):
        inner = contents.values() if isinstance(contents, dict) else contents
        for each in inner:
            yield from _tensors_in(each)


def _check_storage(tensor: Tensor, path: Path) -> None:
    """Refuse a tensor that repeats few values without end, by a stride of 0."""
    import torch

    if tensor.layout is not torch.strided or tensor.is_meta:
        raise ValueError(f"{path} holds a sparse tensor, expected a dense one")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"{path} holds a tensor of more values than it stores")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights, see :func:`read_tensors`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    weights : dict of Tensor
        The weights by name, as they stand or below ``"state_dict"`` or ``"model"``.

    Raises
    ------
    ValueError
        If the file holds anything else.
    """
    from torch import Tensor

    weights = read_tensors(path)
    for key in ("state_dict", "model"):
        weights = weights.get(key, weights) if isinstance(weights, dict) else weights
    is_plain = isinstance(weights, dict) and all(
        isinstance(value, Tensor) for value in weights.values()
    )
    if not is_plain or not weights:
        raise ValueError(f"{path} holds no weights by name (a PyTorch state_dict).")
    prefix = "module." if all(key.startswith("module.") for key in weights) else ""
    return {key.removeprefix(prefix): value for key, value in weights.items()}


@contextmanager
def explain_mismatch(path: Path, network: str) -> Iterator[None]:
    """Name file and network when the weights of one do not fit the other."""
    try:
        yield
    except (RuntimeError, KeyError) as error:
        lines = " ".join(str(error).split())
        raise ValueError(
            f"{path} holds the weights of another network than {network}: "
            f"{lines[:300]}."
        ) from error
