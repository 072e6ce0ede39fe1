"""Brain responses as the fast computations read them: time-major, with their sums.

A response of shape (n_channels, n_times) is stored as (n_samples, n_channels), with
n_samples a whole number of strides. In memory, ``stride`` samples of all channels then
follow one another: a view of shape (n_blocks, stride * n_channels) has one block in
each row, and a strided convolution is a product of these rows with parts of the kernels
(:mod:`~mne_brainae.nn.fast.blocks`). What depends on a response alone and enters the
loss as a sum over the batch, such as |X|^2, is summed up once, before training.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ...utils.transfer import gather

ARRANGED = 64  # responses arranged at a time
#: How many times longer chunks are elsewhere than on a CPU: few launches, and still no
#: more than some gigabytes between layers.
WIDER = 64


@dataclass
class Responses:
    """Brain responses, time-major and padded with zeros to whole strides.

    A block of ``stride`` samples of all channels is then one row of a matrix without
    any copy, and a strided convolution is a product of matrices.

    Parameters
    ----------
    samples : Tensor, shape (n, n_blocks * stride, n_channels)
        The responses, zero after ``n_times``.
    n_times : int
        Time samples.
    sums : dict of Tensor, shape (n, ...)
        What a computation sums up once per response, by name.
    rows : Tensor, shape (n_chosen,) | None
        Which responses are meant; None means all. Their samples are gathered chunk by
        chunk, when they are needed.
    """

    samples: Tensor
    n_times: int
    sums: dict[str, Tensor] = field(default_factory=dict)
    rows: Tensor | None = None

    @classmethod
    def arrange(
        cls,
        brain: Tensor,
        stride: int,
        dtype: torch.dtype | None = None,
        zeros: Callable[..., Tensor] | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> Responses:
        """Arrange responses of shape (n, n_channels, n_times).

        Parameters
        ----------
        brain : Tensor, shape (n, n_channels, n_times)
            The responses.
        stride : int
            Samples of a block.
        dtype : dtype | None
            What to store samples in, None for that of ``brain``.
        zeros : callable | None
            What makes the tensor for them, as ``brain.new_zeros`` does, which is None.
        transform : callable | None
            What to store instead of samples: maps samples (n, n_samples, n_channels) to
            as many values, before they are rounded.

        Returns
        -------
        responses : instance of Responses
            The responses, time-major.
        """
        n, n_channels, n_times = brain.shape
        n_samples = -(-n_times // stride) * stride
        shape, dtype = (n, n_samples, n_channels), dtype or brain.dtype
        samples = (zeros or brain.new_zeros)(shape, dtype=dtype)
        for start, stop in chunks(0, n, ARRANGED):
            part = brain.new_zeros(stop - start, n_samples, n_channels)
            part[:, :n_times] = brain[start:stop].transpose(1, 2)  # (n, n_times, n_ch)
            part = part if transform is None else transform(part)
            samples[start:stop] = part.view(len(part), n_samples, n_channels)
        return cls(samples, n_times)

    def add_sums(self, **functions: Callable[[Tensor], Tensor]) -> Responses:
        """Sum something up for every response, chunk by chunk.

        Parameters
        ----------
        **functions : callable
            What maps samples (n, n_samples, n_channels) to sums (n, ...), by name.

        Returns
        -------
        responses : instance of Responses
            The responses themselves.
        """
        for name, function in functions.items():
            one = function(self.samples[:1])
            # Small tensors in a list would lie between large ones that are freed, and
            # keep glibc from giving their place to the next.
            sums = self.sums[name] = one.new_empty(len(self), *one.shape[1:])
            for start, stop in chunks(0, len(self), ARRANGED):
                sums[start:stop] = function(self.samples[start:stop])
        return self

    def __len__(self) -> int:
        return len(self.samples if self.rows is None else self.rows)

    def __getitem__(self, rows: Tensor) -> Responses:
        """Choose some responses, without copying their samples."""
        rows = rows.to(self.device)
        sums = {name: value[rows] for name, value in self.sums.items()}
        return replace(self, sums=sums, rows=rows)

    def to(self, device: torch.device) -> Responses:
        """Move the chosen responses to a device."""
        if device.type == self.device.type:
            return self
        if self.rows is None:
            samples = self.samples.to(device)
        else:
            samples = gather(self.samples, self.rows, device)
        sums = {name: value.to(device) for name, value in self.sums.items()}
        return replace(self, samples=samples, sums=sums, rows=None)

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.samples.device

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.samples.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes of all samples and sums."""
        return self.samples.nbytes + sum(value.nbytes for value in self.sums.values())

    def chunk(self, start: int, stop: int) -> Tensor:
        """Return samples from ``start`` to ``stop`` of the chosen responses."""
        if self.rows is None:
            return self.samples[start:stop]
        return self.samples.index_select(0, self.rows[start:stop])

    def parts(self, some: slice, n_parts: int, start: int, stop: int) -> Tensor:
        """Return some of equal parts of the samples of chosen responses.

        Parameters
        ----------
        some : slice
            The parts.
        n_parts : int
            Into how many parts all samples are divided.
        start, stop : int
            The responses.

        Returns
        -------
        parts : Tensor, shape (n_some, stop - start, n_samples / n_parts * n_channels)
            The parts, in rows.
        """
        # (n_all, n_parts, n_samples / n_parts * n_channels)
        parts = self.samples.view(len(self.samples), n_parts, -1)
        if self.rows is None:
            return parts[start:stop, some].transpose(0, 1)
        rows = self.rows[start:stop] * n_parts
        index = torch.arange(some.start, some.stop, device=rows.device)
        rows = index[:, None] + rows  # (n_some, stop - start)
        rows_of_parts = parts.flatten(0, 1)  # (n_all * n_parts, ...)
        chosen = rows_of_parts.index_select(0, rows.flatten())
        return chosen.view(*rows.shape, -1)  # (n_some, stop - start, ...)

    def chunks(self, start: int, stop: int, size: int) -> list[tuple[int, int]]:
        """Divide rows into chunks that stay in a processor's cache.

        Parameters
        ----------
        start, stop : int
            The rows.
        size : int
            Rows of a chunk on a CPU. Elsewhere a chunk has :data:`WIDER` times as many.

        Returns
        -------
        chunks : list of tuple of int
            First row, and row after the last, of every chunk.
        """
        return chunks(start, stop, max(1, size * width_on(self.device)))


def width_on(device: torch.device) -> int:
    """Return how many times longer chunks are on a device than on a CPU."""
    return 1 if device.type == "cpu" else WIDER


def pair_groups(start: int, stop: int, device: torch.device) -> list[slice]:
    """Divide pairs of coefficients into those that are multiplied at once.

    Parameters
    ----------
    start, stop : int
        The pairs.
    device : device
        Where: on a CPU they come one by one, whose products a cache holds; elsewhere
        together, since starting a product takes longer than computing it.

    Returns
    -------
    groups : list of slice
        The pairs of every group.
    """
    size = 1 if device.type == "cpu" else max(stop - start, 1)
    return [slice(*group) for group in chunks(start, stop, size)]


def chunks(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    """Divide rows from ``start`` to ``stop`` into chunks of some size."""
    return [(row, min(row + size, stop)) for row in range(start, stop, size)]
