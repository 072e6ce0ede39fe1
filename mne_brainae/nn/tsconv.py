"""Temporal-spatial convolution and its mirror, neighboring linear layers as one.

The classes have the layers of :mod:`mne_brainae.nn.reference`, which is the network as
the paper's Tables 6 and 7 print it, and compute the same results in fewer products:

* A temporal convolution with kernel w, then a mean over m2 samples at the stride s, is
  one convolution at the stride s with the kernel ``w * box(m2) / m2``.
* A spatial convolution with nothing nonlinear before it multiplies these kernels by
  its own weights, channel by channel.
* Repeating every step s times before a transposed convolution with kernel w is one
  transposed convolution at the stride s with the kernel ``w * box(s)``; lines between
  the steps have a triangle in place of the box.

The composed kernels are made of the layers' own weights at every pass, so that
gradients, parameters and results are those of the layers one after another, at a
fifth of the positions. :mod:`mne_brainae.nn.fast` computes the same network faster
still, in training and in use.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .reference import ReferenceDecoder, ReferenceEncoder


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
        summing ``length`` neighboring samples.
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
    n_steps = maps.shape[-1]
    n_held = n_times - (n_steps * stride + kernel.shape[-1] - 1)
    signals = 0.0
    for steps, start, shape in _shapes_of_steps(maps, stride, n_held):
        spread = convolve_taps(kernel, shape)  # (n_in, n_out, 1, n_taps + reach - 1)
        part = F.conv_transpose2d(maps[..., steps], spread, stride=(1, stride))
        signals = signals + F.pad(part, (start, n_times - start - part.shape[-1]))
    return signals


def _shapes_of_steps(
    maps: Tensor, stride: int, n_held: int
) -> list[tuple[slice, int, Tensor]]:
    """Return which steps add which shape to the samples, and from which sample on.

    The shapes of the first, an inner and the last step are read from the interpolation
    of three steps, one of which is 1 at a time.
    """
    n_steps, reach = maps.shape[-1], stride // 2
    n_shapes = min(n_steps, 3)
    unit = torch.eye(n_shapes, dtype=maps.dtype, device=maps.device)
    shapes = F.interpolate(unit[:, None], scale_factor=stride, mode="linear")
    shapes = F.pad(shapes, (0, n_held), mode="replicate")[:, 0]  # (n_shapes, n_samples)
    if n_steps == 1:
        return [(slice(0, 1), 0, shapes[0])]
    first = (slice(0, 1), 0, shapes[0, : stride + reach])
    last = shapes[-1, (n_shapes - 1) * stride - reach :]
    found = [first, (slice(-1, None), (n_steps - 1) * stride - reach, last)]
    if n_steps > 2:
        inner = shapes[1, stride - reach : 2 * stride + reach]
        found.append((slice(1, -1), stride - reach, inner))
    return found


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
    rows = kernel.flatten(0, -2)[:, None]  # (n_kernels, 1, n_taps)
    longer = F.conv1d(rows, taps.flip(0)[None, None], padding=len(taps) - 1)
    return longer.view(*kernel.shape[:-1], -1)


#: How a decoder comes from steps to samples.
UPSAMPLINGS = {
    "nearest": upsample_conv_transpose,
    "linear": interpolate_conv_transpose,
}


class TSConvEncoder(ReferenceEncoder):
    """The encoder of Table 6, with its linear layers composed.

    Parameters and layers are those of
    :class:`~mne_brainae.nn.reference.ReferenceEncoder`. Without ``inner_activation``
    both convolutions and the pooling are one strided convolution.
    """

    @property
    def pool_length(self) -> int:
        """Samples that the pooling averages."""
        return self.pooling.kernel_size[1]

    @property
    def pool_stride(self) -> int:
        """Samples from one step to the next."""
        return self.pooling.stride[1]

    @property
    def n_taps(self) -> int:
        """Samples that one step sees."""
        return self.temporal.kernel_size[1] + self.pool_length - 1

    def pooled_kernel(self) -> Tensor:
        """Compose the temporal convolution with the pooling.

        Returns
        -------
        kernel : Tensor, shape (n_kernels, 1, 1, n_taps)
            The kernel of one convolution with stride ``pool_stride``.
        """
        return running_sum(self.temporal.weight, self.pool_length) / self.pool_length

    def composed_kernel(self) -> Tensor:
        """Compose both convolutions with the pooling, where all three are linear.

        Returns
        -------
        kernel : Tensor, shape (n_kernels, n_channels, n_taps)
            The kernel of one convolution with stride ``pool_stride``.
        """
        pooled = self.pooled_kernel()[:, 0, 0]  # (n_kernels, n_taps)
        spatial = self.spatial.weight[..., 0]  # (n_kernels, n_kernels, n_channels)
        return torch.einsum("jkc,km->jcm", spatial, pooled)

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        stride = self.pool_stride
        if self.inner_norm is None:
            maps = F.conv1d(brain, self.composed_kernel(), stride=stride)
        else:
            maps = brain[:, None]  # (n, 1, n_channels, n_times)
            maps = F.conv2d(maps, self.pooled_kernel(), stride=(1, stride))
            # (n, n_kernels, n_channels, n_steps)
            maps = F.elu(self.inner_norm(maps), inplace=True)
            maps = F.conv2d(maps, self.spatial.weight).squeeze(2)
        maps = F.elu(self.norm(maps), inplace=True)  # (n, n_kernels, n_steps)
        return self.linear(maps.flatten(1))  # (n, n_embedding)


class TSConvDecoder(ReferenceDecoder):
    """The decoder of Table 7, with its linear layers composed.

    Parameters and layers are those of
    :class:`~mne_brainae.nn.reference.ReferenceDecoder`. Without ``inner_activation``
    all that follows the activation is one strided transposed convolution.
    """

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
        maps = self.linear(embedding)  # (n, n_kernels * n_steps)
        maps = maps.unflatten(1, (-1, 1, self.n_steps))  # (n, n_kernels, 1, n_steps)
        kernel = self.temporal.weight  # (n_kernels, 1, 1, kernel_length)
        if self.inner_activation:
            # One output map over all channels: (n, n_kernels, n_channels, n_steps).
            maps = F.conv_transpose2d(maps, self.spatial.weight)
        else:
            # One output map per channel: (n_kernels, n_channels, 1, kernel_length).
            spatial = self.spatial.weight[..., 0]
            kernel = torch.einsum("jkc,km->jcm", spatial, kernel[:, 0, 0])[:, :, None]
        maps = F.elu(self.norm(maps), inplace=True)
        upsample = UPSAMPLINGS[self.upsampling]
        signals = upsample(maps, kernel, stride=self.pool_stride, n_times=self.n_times)
        # (n, 1, n_channels, n_times) of one map, else (n, n_channels, 1, n_times).
        signals = signals.squeeze(1 if self.inner_activation else 2)
        return signals * self.scale + self.offset  # (n, n_channels, n_times)
