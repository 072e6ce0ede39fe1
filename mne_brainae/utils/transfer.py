"""From host to device and back: through pinned memory, beside what is computed.

A copy from pinned memory to a CUDA device goes on beside the program and beside the
device's products; from other memory the program waits for it. On other devices these
functions copy as PyTorch does.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor


def gather(values: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Return some rows of a tensor on a device.

    Parameters
    ----------
    values : Tensor, shape (n, ...)
        The values, on the device or on the host.
    rows : Tensor of int, shape (n_rows,)
        Which rows, where the values are.
    device : device
        Where they are wanted.

    Returns
    -------
    gathered : Tensor, shape (n_rows, ...)
        The rows.
    """
    if values.device.type != "cpu" or device.type != "cuda":
        return values[rows].to(device)
    shape = len(rows), *values.shape[1:]
    pinned = torch.empty(shape, dtype=values.dtype, pin_memory=True)
    torch.index_select(values, 0, rows, out=pinned)
    return pinned.to(device, non_blocking=True)


def send(values: Tensor, device: torch.device) -> Tensor:
    """Return values of the host on a device, which the program does not wait for.

    Parameters
    ----------
    values : Tensor
        The values.
    device : device
        Where they are wanted.

    Returns
    -------
    sent : Tensor
        The values; the same tensor where it is there already.
    """
    if values.device.type != "cpu" or device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def beside(
    make: Callable[[Tensor], tuple], parts: Iterable[Tensor], device: torch.device
) -> Iterator[tuple]:
    """Yield what a function makes of parts, copied while the device computes.

    A program only starts what the device computes, and comes back for the next part
    long before it is done. What is made meanwhile is copied on a stream of its own.

    Parameters
    ----------
    make : callable
        Returns tensors on the device, or what holds them, from a part.
    parts : iterable of Tensor
        The parts.
    device : device
        A CUDA device.

    Yields
    ------
    made : tuple
        What was made, ready for the device's current stream.
    """
    copies = torch.cuda.Stream(device)
    for part in parts:
        with torch.cuda.stream(copies):
            made = make(part)
        current = torch.cuda.current_stream(device)
        current.wait_stream(copies)
        for tensor in _tensors(made):
            tensor.record_stream(current)
        yield made


def _tensors(made) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, dictionaries and objects."""
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, tuple | list):
        for each in made:
            yield from _tensors(each)
    elif made is not None:
        values = made if isinstance(made, dict) else vars(made)
        yield from _tensors([each for each in values.values() if _holds(each)])


def _holds(value) -> bool:
    return isinstance(value, Tensor | tuple | list | dict)
