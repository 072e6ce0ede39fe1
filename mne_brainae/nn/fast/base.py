"""What both fast computations have in common: linear layers shared by threads.

A linear layer maps n rows by one matrix, and n can be cut anywhere: the threads take
equal parts of the rows, forward and backward. So do the inner products of equation 1,
which are a linear layer whose matrix is the embedding of the images.
"""

# License: BSD-3-Clause

from __future__ import annotations

from torch import Tensor

from ..network import BrainAENetwork
from .precision import Precision
from .workers import inner_products, linear


class FastComputation:
    """A network with temporal-spatial convolutions, computed fast in training.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network; its parameters and running statistics are used in place.
    precision : instance of Precision
        The precision of large products, and of stored responses.
    """

    def __init__(self, network: BrainAENetwork, precision: Precision):
        self.network, self.precision = network, precision
        encoder = network.brain_encoder
        self.stride, self.n_taps = encoder.pool_stride, encoder.n_taps
        self.n_steps = encoder.n_steps

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that the network has."""
        return self.network.parts

    def embed_image(self, image: Tensor) -> Tensor:
        """Map image features into the shared space."""
        return linear(self.network.image_projection, image, self.precision)

    def inner_products(self, left: Tensor, right: Tensor) -> Tensor:
        """Multiply every row of one matrix with every row of another, in float32."""
        return inner_products(left, right)
