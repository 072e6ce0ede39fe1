"""From image embeddings to pictures: SDXL and its IP-Adapter, through diffusers."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mne.utils import ProgressBar, _soft_import
from PIL import Image

from ..utils.checks import (
    _check_option,
    _validate_type,
    check_device,
    logger,
    resolve_device,
    verbose,
)
from ..utils.constraints import checked, options
from ..utils.docs import fill_doc

PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


class PublishedPipeline(NamedTuple):
    """Weights of a diffusion model, where they are, and how they are used."""

    repository: str
    license: str
    n_steps: int
    guidance: float


PIPELINES = {
    "sdxl-turbo": PublishedPipeline(
        "stabilityai/sdxl-turbo",
        "sai-nc-community (for commercial use see https://stability.ai/license)",
        4,
        0.0,
    ),
    "sdxl": PublishedPipeline(
        "stabilityai/stable-diffusion-xl-base-1.0", "CreativeML Open RAIL++-M", 30, 5.0
    ),
}
#: The adapter whose image encoder is the one that open_clip calls ViT-H-14
#: (laion2b_s32b_b79k), here ``"clip-vit-h-14"``.
ADAPTER_REPOSITORY, ADAPTER_LICENSE = "h94/IP-Adapter", "Apache-2.0"
ADAPTER_FOLDER, ADAPTER_FILE = "sdxl_models", "ip-adapter_sdxl_vit-h.safetensors"


@checked(
    pipeline=[str, os.PathLike],
    adapter=[str, os.PathLike, None],
    device=[str],
    precision=[options(*PRECISIONS), None],
    offload=["boolean"],
)
@verbose
@fill_doc
def load_pipeline(
    pipeline="sdxl-turbo",
    *,
    adapter=None,
    device: str = "auto",
    precision: str | None = None,
    offload: bool = False,
    verbose=None,
):
    """Load SDXL with an IP-Adapter.

    Parameters
    ----------
    pipeline : ``"sdxl-turbo"`` | ``"sdxl"`` | path-like
        Published weights, or a folder that ``save_pretrained`` of diffusers wrote.
        Published weights are looked for on this machine and fetched otherwise, several
        gigabytes, after a message that names their license.
    adapter : path-like | None
        The file of weights of the IP-Adapter, which ends in ``.safetensors``. None is
        the published one for the image embedding ``"clip-vit-h-14"``.
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    precision : ``"float32"`` | ``"float16"`` | None
        Of the weights. None is float16, and float32 on the CPU.
    offload : bool
        Keep on the graphics card only the part that is at work, which takes less of its
        memory and more time.
    %(verbose)s

    Returns
    -------
    pipeline : instance of StableDiffusionXLPipeline
        The pipeline.

    Raises
    ------
    RuntimeError
        If weights are neither on the disk nor downloadable. The message names them.

    See Also
    --------
    mne_brainae.generation.generate_pictures

    Notes
    -----
    Weights are read from safetensors files alone: other files of weights may hold code.
    A folder as ``pipeline`` and a file as ``adapter`` need no network.

    Examples
    --------
    >>> pipeline = generation.load_pipeline("sdxl-turbo")  # doctest: +SKIP
    """
    _soft_import("diffusers", "generating pictures")
    from diffusers import StableDiffusionXLPipeline

    check_device(device)
    device = resolve_device(device)
    precision = precision or ("float32" if device.type == "cpu" else "float16")
    source, options = _find_source(pipeline, precision)
    place = _find_adapter(adapter)  # before gigabytes of the pipeline are fetched
    with _explained(source):
        loaded = StableDiffusionXLPipeline.from_pretrained(
            source, dtype=PRECISIONS[precision], use_safetensors=True, **options
        )
    folder, subfolder, file = place
    with _explained(f"{folder}/{file}"):
        loaded.load_ip_adapter(
            folder,
            subfolder,
            file,
            image_encoder_folder=None,
            local_files_only=adapter is not None,
        )
    loaded.set_progress_bar_config(disable=True)  # generate_pictures has its own
    if offload and device.type != "cpu":
        loaded.enable_model_cpu_offload(device=device)
        return loaded
    return loaded.to(device)


def _find_source(pipeline, precision: str) -> tuple[str, dict]:
    """Return where the weights are, and tell their license before they are fetched."""
    if Path(pipeline).expanduser().is_dir():
        return str(Path(pipeline).expanduser()), {"local_files_only": True}
    _check_option(
        "pipeline", str(pipeline), tuple(PIPELINES), "(or an existing folder)"
    )
    published = PIPELINES[pipeline]
    logger.info(
        f"The weights {published.repository} are under {published.license}; what is "
        "not on this machine is fetched now, several gigabytes."
    )
    return published.repository, {"variant": "fp16"} if precision == "float16" else {}


def _find_adapter(adapter) -> tuple[str, str, str]:
    """Return folder, folder in it and name of the weights of the adapter."""
    if adapter is None:
        logger.info(
            f"The weights {ADAPTER_REPOSITORY} are under {ADAPTER_LICENSE}; what is "
            "not on this machine is fetched now."
        )
        return ADAPTER_REPOSITORY, ADAPTER_FOLDER, ADAPTER_FILE
    file = Path(adapter).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"There is no file of weights {file} for the adapter.")
    if file.suffix != ".safetensors":
        raise ValueError(
            f"adapter must be a .safetensors file, got {file.name!r}. Other files of "
            "weights may hold code; the published adapter comes as safetensors, too."
        )
    return str(file.parent), "", file.name


@contextmanager
def _explained(weights: str) -> Iterator[None]:
    """Name the weights in what goes wrong when they are looked for."""
    try:
        yield
    except OSError as error:
        reason = str(error).strip().partition("\n")[0]
        raise RuntimeError(
            f"The weights {weights} are not complete on this machine and could not be "
            f"downloaded ({reason}). Download them on a machine with a network, and "
            "give their folder as pipeline and the file as adapter."
        ) from error


def check_pipeline(pipeline) -> None:
    """Refuse a pipeline that image embeddings do not steer.

    Parameters
    ----------
    pipeline : object
        A pipeline of diffusers.

    Raises
    ------
    ValueError
        If it has no IP-Adapter.
    """
    _soft_import("diffusers", "generating pictures")
    from diffusers import DiffusionPipeline

    _validate_type(pipeline, DiffusionPipeline, "pipeline")
    unet = getattr(pipeline, "unet", None)
    if getattr(unet, "encoder_hid_proj", None) is None:
        raise ValueError(
            "pipeline has no IP-Adapter, so that image embeddings cannot steer it. "
            "Call pipeline.load_ip_adapter(...) first, or take load_pipeline."
        )


def n_adapter_features(pipeline) -> int:
    """Return how many features the image embedding of the adapter has.

    Parameters
    ----------
    pipeline : instance of DiffusionPipeline
        A pipeline with an IP-Adapter.

    Returns
    -------
    n_features : int
        The dimension of the embedding that its projection takes.
    """
    projection = pipeline.unet.encoder_hid_proj.image_projection_layers[0]
    return next(p for p in projection.parameters() if p.ndim == 2).shape[1]


def _check_strength(strength: float, n_steps: int) -> None:
    """Refuse a strength that leaves nothing to paint."""
    if not 0 < strength <= 1:
        raise ValueError(f"strength must be above 0 and up to 1, got {strength}.")
    if int(n_steps * strength) < 1:
        raise ValueError(
            f"n_steps={n_steps} with strength={strength} leaves no step to paint; take "
            f"at least {int(np.ceil(1 / strength))}."
        )


@contextmanager
def _one_embedding_each(pipeline, embeds: torch.Tensor) -> Iterator[None]:
    """Let every picture of a batch see its own embedding alone.

    Pipelines of diffusers repeat the embeddings once for every prompt, and then give
    all of them to each picture (https://github.com/huggingface/diffusers/issues/9813).

    Parameters
    ----------
    pipeline : instance of DiffusionPipeline
        A pipeline, which meanwhile takes ``embeds`` as they are.
    embeds : Tensor, shape (n or 2 n, 1, n_features)
        One row per picture, those that are steered away from before them.
    """

    def prepare(image, given, device, *_):
        return [embeds.to(device)]

    pipeline.prepare_ip_adapter_image_embeds = prepare
    try:
        yield
    finally:
        del pipeline.prepare_ip_adapter_image_embeds


class Painter:
    """Paints pictures of image embeddings.

    Parameters
    ----------
    pipeline : instance of DiffusionPipeline
        A pipeline of diffusers with an IP-Adapter.
    n_steps : int
        Denoising steps from noise to picture.
    guidance : float
        Classifier-free guidance; up to 1 is none.
    strength : float | None
        How far from a starting picture, which 1 forgets; None is without one.
    batch_size : int
        Pictures that are painted together.
    """

    def __init__(self, pipeline, n_steps, guidance, strength, batch_size):
        if strength is not None:
            _check_strength(strength, n_steps)
        self.pipeline, self.batch_size = pipeline, batch_size
        self.n_steps, self.guidance, self.strength = n_steps, guidance, strength

    def paint(
        self,
        embeddings: np.ndarray,
        seeds: Sequence[int],
        starts: Sequence[Image.Image] | None = None,
    ) -> list[Image.Image]:
        """Paint one picture per embedding.

        Parameters
        ----------
        embeddings : array, shape (n, n_features)
            Image embeddings.
        seeds : sequence of int
            The seed of every picture, so that it does not depend on its neighbors.
        starts : sequence of PIL.Image.Image | None
            Pictures to start from instead of noise alone.

        Returns
        -------
        pictures : list of PIL.Image.Image
            The pictures.
        """
        pipeline, options = self._pipeline(starts)
        pictures = []
        for rows in ProgressBar(list(self._batches(len(seeds))), mesg="Painting"):
            if starts is not None:
                options["image"] = [self._start(starts[row]) for row in rows]
            generators = [torch.Generator().manual_seed(int(seeds[r])) for r in rows]
            embeds = self._embeds(embeddings[rows])
            with _one_embedding_each(pipeline, embeds):
                pictures += pipeline(
                    prompt=[""] * len(rows),
                    ip_adapter_image_embeds=[embeds],
                    num_inference_steps=self.n_steps,
                    guidance_scale=self.guidance,
                    generator=generators,
                    **options,
                ).images
        return pictures

    def _batches(self, n: int) -> Iterator[range]:
        for start in range(0, n, self.batch_size):
            yield range(start, min(start + self.batch_size, n))

    def _pipeline(self, starts):
        if starts is None:
            return self.pipeline, {}
        from diffusers import AutoPipelineForImage2Image

        painter = AutoPipelineForImage2Image.from_pipe(self.pipeline)
        painter.set_progress_bar_config(disable=True)
        return painter, {"strength": self.strength}

    def _start(self, picture: Image.Image) -> Image.Image:
        side = self.pipeline.unet.config.sample_size * self.pipeline.vae_scale_factor
        return picture.resize((side, side), Image.Resampling.BICUBIC)

    def _embeds(self, rows: np.ndarray) -> torch.Tensor:
        """Return embeddings as diffusers takes them, shape (n or 2 n, 1, n_features).

        With guidance, embeddings of zero stand before them for what is steered away
        from, as the IP-Adapter was trained.
        """
        embeds = torch.from_numpy(rows)[:, None].to(self.pipeline.unet.dtype)
        if self.guidance > 1:
            embeds = torch.cat([torch.zeros_like(embeds), embeds])
        return embeds
