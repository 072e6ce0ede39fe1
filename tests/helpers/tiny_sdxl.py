"""SDXL and its IP-Adapter, tiny and untrained, in the files that diffusers writes."""

import json

import torch

N_FEATURES = 12
TEXT = {
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "projection_dim": 32,
    "vocab_size": 260,
}


def write_tiny_sdxl(folder, n_features=N_FEATURES):
    """Write a whole pipeline, and the weights of an adapter for it."""
    from diffusers import (
        AutoencoderKL,
        EulerAncestralDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from safetensors.torch import save_file
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTextModelWithProjection,
    )

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            transformer_layers_per_block=(1, 2),
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 32,
            cross_attention_dim=64,
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
            latent_channels=4,
            sample_size=32,
        )
        texts = CLIPTextModel(CLIPTextConfig(**TEXT))
        texts_2 = CLIPTextModelWithProjection(CLIPTextConfig(**TEXT))
        adapter = _adapter_weights(unet, n_features)
    tokenizer = _tokenizer(folder / "words")
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=texts.eval(),
        text_encoder_2=texts_2.eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet.eval(),
        scheduler=EulerAncestralDiscreteScheduler(timestep_spacing="trailing"),
    )
    pipeline.save_pretrained(folder / "pipeline")
    save_file(adapter, folder / "adapter.safetensors")
    return folder / "pipeline", folder / "adapter.safetensors"


def _tokenizer(folder):
    from transformers import CLIPTokenizer

    folder.mkdir()
    words = ["<|startoftext|>", "<|endoftext|>"] + [chr(c) for c in range(97, 123)]
    words += [f"{chr(c)}</w>" for c in range(97, 123)]
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=16)


def _adapter_weights(unet, n_features):
    """Random weights under the names of the published files."""
    weights = {
        "image_proj.proj.weight": torch.randn(4 * 64, n_features),
        "image_proj.proj.bias": torch.zeros(4 * 64),
        "image_proj.norm.weight": torch.ones(64),
        "image_proj.norm.bias": torch.zeros(64),
    }
    state = unet.state_dict()
    for number, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            shape = state[name.replace("processor", "to_k.weight")].shape
            for side in "kv":
                key = f"ip_adapter.{number}.to_{side}_ip.weight"
                weights[key] = torch.randn(shape) / 8
    return weights
