"""Temporal-spatial convolution and its mirror (Tables 6 and 7 of the paper).

Neighbouring linear layers are applied as one. A temporal convolution followed by
average pooling is one strided convolution with a longer kernel, and repeating every
sample before a transposed convolution is one strided transposed convolution. The
composed kernels are made of the layers' own weights at every pass, so that
gradients, parameters and results are those of the layers one after another, at a
fifth of the positions. ``naive.py`` holds the layer-by-layer reference; ``gram.py`` and
``folded.py`` compute the same network faster in training.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.docs import fill_doc
from .fast.frozen import FrozenEncoder


def n_steps(
    n_times: int, kernel_length: int, pool_length: int, pool_stride: int
) -> int:
    """Return the time steps after temporal convolution and pooling (Table 6).

    Parameters
    ----------
    n_times : int
        Time samples of the window.
    kernel_length, pool_length, pool_stride : int
        The sizes m1, m2 and s of Table 6.

    Returns
    -------
    n_steps : int
        ``floor((n_times - m1 - m2 + 1) / s) + 1``. A window shorter than the kernels,
        or a stride that skips samples, is a ValueError.
    """
    if pool_length < pool_stride:
        raise ValueError(
            f"pool_length={pool_length} is shorter than pool_stride={pool_stride}, so "
            "that samples would be skipped. Use pool_length >= pool_stride."
        )
    shortest = kernel_length + pool_length - 1
    if n_times < shortest:
        raise ValueError(
            f"The window has {n_times} times, but kernel_length={kernel_length} and "
            f"pool_length={pool_length} need at least {shortest}. Use a longer window "
            "or a higher sampling rate, shorter kernels, or brain_encoder='linear' and "
            "brain_decoder='linear'."
        )
    return (n_times - shortest) // pool_stride + 1


def running_sum(kernel: Tensor, length: int) -> Tensor:
    """Convolve kernels with a box of ones along their last axis.

    Parameters
    ----------
    kernel : Tensor, shape (..., n_taps)
        The kernels.
    length : int
        The length of the box.

    Returns
    -------
    kernel : Tensor, shape (..., n_taps + length - 1)
        The longer kernels: filtering with them equals filtering with ``kernel`` and
        summing ``length`` neighbouring samples.
    """
    padded = F.pad(kernel, (length - 1, length - 1))
    return padded.unfold(-1, length, 1).sum(-1)


def upsample_conv_transpose(
    maps: Tensor, kernel: Tensor, *, stride: int, n_times: int
) -> Tensor:
    """Repeat every step ``stride`` times, then convolve transposed, as one operation.

    Steps that the pooling cut off at the end of the window are filled by holding the
    last step.

    Parameters
    ----------
    maps : Tensor, shape (n_batch, n_in, n_rows, n_steps)
        Feature maps at the low rate.
    kernel : Tensor, shape (n_in, n_out, 1, n_taps)
        Kernels of the transposed convolution at the high rate.
    stride : int
        How often a step is repeated.
    n_times : int
        Time samples wanted.

    Returns
    -------
    signals : Tensor, shape (n_batch, n_out, n_rows, n_times)
        The signals.
    """
    n_held = n_times - (maps.shape[-1] * stride + kernel.shape[-1] - 1)
    repeated = running_sum(kernel, stride)
    signals = F.conv_transpose2d(maps, repeated, stride=(1, stride))
    if n_held > 0:
        held = running_sum(kernel, n_held)
        tail = F.conv_transpose2d(maps[..., -1:], held)
        start = maps.shape[-1] * stride
        signals = F.pad(signals, (0, n_held)) + F.pad(tail, (start, 0))
    return signals


def interpolate_conv_transpose(
    maps: Tensor, kernel: Tensor, *, stride: int, n_times: int
) -> Tensor:
    """Interpolate linearly between steps, then convolve transposed, as one operation.

    A step between two others adds the same shape to the signals wherever it stands, a
    triangle that reaches half a step back and ahead. The first and the last step
    differ, because beyond them they are held.

    Parameters
    ----------
    maps : Tensor, shape (n_batch, n_in, n_rows, n_steps)
        Feature maps at the low rate.
    kernel : Tensor, shape (n_in, n_out, 1, n_taps)
        Kernels of the transposed convolution at the high rate.
    stride : int
        Samples per step.
    n_times : int
        Time samples wanted.

    Returns
    -------
    signals : Tensor, shape (n_batch, n_out, n_rows, n_times)
        The signals.
    """
    n_steps, reach = maps.shape[-1], stride // 2
    n_held = n_times - (n_steps * stride + kernel.shape[-1] - 1)
    n_shapes = min(n_steps, 3)
    unit = torch.eye(n_shapes, dtype=maps.dtype, device=maps.device)[:, None]
    shapes = F.interpolate(unit, scale_factor=stride, mode="linear")
    shapes = F.pad(shapes, (0, n_held), mode="replicate")[:, 0]
    first = stride + reach if n_steps > 1 else None
    parts = [(slice(0, 1), 0, shapes[0, :first])]
    if n_steps > 1:
        start = (n_steps - 1) * stride - reach
        shape = shapes[-1, (n_shapes - 1) * stride - reach :]
        parts.append((slice(-1, None), start, shape))
    if n_steps > 2:
        start = stride - reach
        shape = shapes[1, start : 2 * stride + reach]
        parts.append((slice(1, -1), start, shape))
    signals = 0.0
    for steps, start, shape in parts:
        spread = convolve_taps(kernel, shape)
        part = F.conv_transpose2d(maps[..., steps], spread, stride=(1, stride))
        signals = signals + F.pad(part, (start, n_times - start - part.shape[-1]))
    return signals


def convolve_taps(kernel: Tensor, taps: Tensor) -> Tensor:
    """Convolve kernels with given taps along their last axis.

    Parameters
    ----------
    kernel : Tensor, shape (..., n_taps)
        The kernels.
    taps : Tensor, shape (n_given,)
        The taps.

    Returns
    -------
    kernel : Tensor, shape (..., n_taps + n_given - 1)
        The longer kernels.
    """
    rows = kernel.flatten(0, -2)[:, None]
    longer = F.conv1d(rows, taps.flip(0)[None, None], padding=len(taps) - 1)
    return longer.view(*kernel.shape[:-1], -1)


#: How a decoder comes from steps to samples.
UPSAMPLINGS = {
    "nearest": upsample_conv_transpose,
    "linear": interpolate_conv_transpose,
}


@fill_doc
class TSConvEncoder(nn.Module):
    """Temporal convolution, pooling, spatial convolution, linear layer (Table 6).

    Parameters
    ----------
    %(network_sizes)s
    %(kernel_sizes)s
    inner_activation : bool
        Whether batch normalisation and ELU follow the pooling too, as section 3.3.1
        says, or only the spatial convolution. Without it both convolutions and the
        pooling are one strided convolution.

    Notes
    -----
    Maps (n_batch, n_channels, n_times) to (n_batch, n_embedding). The convolutions
    have no bias: the batch normalisation behind each of them would cancel it.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_kernels: int = 40,
        kernel_length: int = 26,
        pool_length: int = 5,
        pool_stride: int = 5,
        inner_activation: bool = True,
    ):
        super().__init__()
        steps = n_steps(n_times, kernel_length, pool_length, pool_stride)
        self.pool_length, self.pool_stride = pool_length, pool_stride
        self.n_steps = steps
        self._frozen: FrozenEncoder | None = None
        self.temporal = nn.Conv2d(1, n_kernels, (1, kernel_length), bias=False)
        self.inner_norm = nn.BatchNorm2d(n_kernels) if inner_activation else None
        self.spatial = nn.Conv2d(n_kernels, n_kernels, (n_channels, 1), bias=False)
        self.norm = nn.BatchNorm1d(n_kernels)
        self.linear = nn.Linear(n_kernels * steps, n_embedding)

    @property
    def n_taps(self) -> int:
        """Samples that one step sees."""
        return self.temporal.kernel_size[1] + self.pool_length - 1

    def pooled_kernel(self) -> Tensor:
        """Compose the temporal convolution with the pooling."""
        return running_sum(self.temporal.weight, self.pool_length) / self.pool_length

    def composed_kernel(self) -> Tensor:
        """Compose both convolutions with the pooling, where all three are linear.

        Returns
        -------
        kernel : Tensor, shape (n_kernels, n_channels, n_taps)
            The kernel of one convolution with stride ``pool_stride``.
        """
        pooled, spatial = self.pooled_kernel()[:, 0, 0], self.spatial.weight[..., 0]
        return torch.einsum("jkc,km->jcm", spatial, pooled)

    def train(self, mode: bool = True) -> TSConvEncoder:
        """Set training or evaluation mode, and forget the folded kernels."""
        self._frozen = None
        return super().train(mode)

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        if not self.training and not torch.is_grad_enabled():
            if self._frozen is None or self._frozen.is_stale(self):
                self._frozen = FrozenEncoder(self)
            return self._frozen(brain, self.linear)
        if self.inner_norm is None:
            maps = F.conv1d(brain, self.composed_kernel(), stride=self.pool_stride)
        else:
            pooled = self.pooled_kernel()
            maps = F.conv2d(brain[:, None], pooled, stride=(1, self.pool_stride))
            maps = F.elu(self.inner_norm(maps), inplace=True)
            maps = F.conv2d(maps, self.spatial.weight).squeeze(2)
        maps = F.elu(self.norm(maps), inplace=True)
        return self.linear(maps.flatten(1))


@fill_doc
class TSConvDecoder(nn.Module):
    """Linear layer, transposed spatial convolution, upsampling, transposed temporal.

    The mirror of :class:`TSConvEncoder` (Table 7, read from the latent outwards),
    with an affine output per channel and no saturating nonlinearity.

    Parameters
    ----------
    %(network_sizes)s
    %(kernel_sizes)s
    inner_activation : bool
        Whether batch normalisation and ELU follow the transposed spatial convolution,
        as in the encoder, or precede it. In the second case all that follows is one
        strided transposed convolution.
    upsampling : ``"nearest"`` | ``"linear"``
        Whether samples repeat the step that they belong to, or lie on a line between
        steps. Training has a fast form for the first one only.

    Notes
    -----
    Maps (n_batch, n_embedding) to (n_batch, n_channels, n_times).
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_kernels: int = 40,
        kernel_length: int = 26,
        pool_length: int = 5,
        pool_stride: int = 5,
        inner_activation: bool = True,
        upsampling: str = "nearest",
    ):
        if upsampling not in UPSAMPLINGS:
            raise ValueError(
                f"upsampling must be one of {', '.join(map(repr, UPSAMPLINGS))}, got "
                f"{upsampling!r}."
            )
        super().__init__()
        steps = n_steps(n_times, kernel_length, pool_length, pool_stride)
        self.n_times, self.pool_stride = n_times, pool_stride
        self.n_held = n_times - (steps * pool_stride + kernel_length - 1)
        self.inner_activation, self.upsampling = inner_activation, upsampling
        self.linear = nn.Linear(n_embedding, n_kernels * steps)
        self.norm = nn.BatchNorm2d(n_kernels)
        self.spatial = nn.ConvTranspose2d(
            n_kernels, n_kernels, (n_channels, 1), bias=False
        )
        self.temporal = nn.ConvTranspose2d(n_kernels, 1, (1, kernel_length), bias=False)
        self.scale = nn.Parameter(torch.ones(n_channels, 1))
        self.offset = nn.Parameter(torch.zeros(n_channels, 1))

    @property
    def n_taps(self) -> int:
        """Samples that one step reaches."""
        return self.temporal.kernel_size[1] + self.pool_stride - 1

    def _scaled_kernel(self, spread: Tensor) -> Tensor:
        spatial = self.spatial.weight[..., 0] * self.scale[:, 0]
        return torch.einsum("jkc,km->jcm", spatial, spread[:, 0, 0])

    def composed_kernel(self) -> Tensor:
        """Compose upsampling, convolutions and scale, where all are linear.

        Returns
        -------
        kernel : Tensor, shape (n_kernels, n_channels, n_taps)
            The kernel of one transposed convolution with stride ``pool_stride``.
        """
        return self._scaled_kernel(running_sum(self.temporal.weight, self.pool_stride))

    def held_kernel(self) -> Tensor:
        """Return what the last step adds where it is held to the end of the window.

        Returns
        -------
        kernel : Tensor, shape (n_kernels, n_channels, kernel_length + n_held - 1)
            The kernel, which begins one stride after the last step's own.
        """
        return self._scaled_kernel(running_sum(self.temporal.weight, self.n_held))

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict brain responses."""
        maps = self.linear(embedding).unflatten(1, (len(self.temporal.weight), 1, -1))
        if self.inner_activation:
            maps = F.conv_transpose2d(maps, self.spatial.weight)
            kernel = self.temporal.weight
        else:
            kernel = torch.einsum(
                "jkc,km->jcm",
                self.spatial.weight[..., 0],
                self.temporal.weight[:, 0, 0],
            )[:, :, None]
        maps = F.elu(self.norm(maps), inplace=True)
        upsample = UPSAMPLINGS[self.upsampling]
        signals = upsample(maps, kernel, stride=self.pool_stride, n_times=self.n_times)
        # One output map over all channels, or one output map per channel.
        signals = signals.squeeze(1) if self.inner_activation else signals.squeeze(2)
        return signals * self.scale + self.offset
