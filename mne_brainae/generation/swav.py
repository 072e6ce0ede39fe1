"""ResNet-50 with the weights of SwAV, which torchvision does not list."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

from torch import nn

from ..images.libraries import Torchvision
from ..images.weights import PublishedWeights, explain_mismatch, read_weights

WEIGHTS = "https://dl.fbaipublicfiles.com/deepcluster/swav_800ep_pretrain.pth.tar"
#: What SwAV trained beside the network, and what the network had before.
OTHER_HEADS = ("projection_head.", "prototypes.", "fc.")


class SwAV(Torchvision):
    """ResNet-50 of Caron et al. (2020), from the file that its authors publish.

    Parameters
    ----------
    pretrained : str | None
        ``"random"``, a file or folder of weights, or None, which takes the published
        file.
    """

    def __init__(self, pretrained: str | None = None):
        super().__init__("resnet50", None, pretrained)
        self.tag = "swav_800ep"

    @property
    def published(self) -> PublishedWeights:
        """Where the weights are published."""
        return PublishedWeights(url=WEIGHTS)

    def trained(self, path: Path) -> nn.Module:
        """Build the network with the weights of a file."""
        weights = {
            name: value
            for name, value in read_weights(path).items()
            if not name.startswith(OTHER_HEADS)
        }
        module = self.module()
        module.fc = nn.Identity()
        with explain_mismatch(path, str(self)):
            module.load_state_dict(weights)
        return module
