"""InternViT on a tiny network of the same architecture, and its files of weights."""

import json

import numpy as np
import pytest
import torch
from image_networks import PICTURES, features
from safetensors.torch import save_file
from torch.nn import functional as F

from mne_brainae import ImageEncoder
from mne_brainae.images import intern_vit
from mne_brainae.images.intern_vit import InternVit, InternVitSize

TINY = InternVitSize(12, 2, 3, 20, 28, 14)
NAME = "InternViT-6B-448px-V1-5"


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(intern_vit.SIZES, NAME, TINY)
    torch.manual_seed(0)
    network = InternVit(TINY).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def rms(rows, weight):
    return rows / rows.square().mean(-1, keepdim=True).add(1e-6).sqrt() * weight


@torch.no_grad()
def test_a_block_by_hand(tiny):
    block, tokens = tiny.encoder.layers[0], torch.randn(2, 5, 12)
    query, key, value = (
        rms(tokens, block.norm1.weight) @ part.T
        for part in block.attn.qkv.weight.chunk(3)
    )
    query, key = (
        rms(query, block.attn.q_norm.weight),
        rms(key, block.attn.k_norm.weight),
    )
    mixed = []
    for head in range(3):
        one = slice(4 * head, 4 * head + 4)
        logits = query[..., one] @ key[..., one].mT / 2  # the root of 4 dimensions
        mixed.append(logits.softmax(-1) @ value[..., one])
    tokens_2 = tokens + block.ls1 * block.attn.proj(torch.cat(mixed, -1))
    rows = F.gelu(block.mlp.fc1(rms(tokens_2, block.norm2.weight)))
    expected = tokens_2 + block.ls2 * block.mlp.fc2(rows)
    torch.testing.assert_close(block(tokens), expected)


def test_weights_in_several_files(tiny, tmp_path):
    """An index names the files; layers are pooled over the patches."""
    weights = tiny.state_dict()
    assert "encoder.layers.1.attn.q_norm.weight" in weights
    names = sorted(weights)
    files = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    for file, some in files.items():
        save_file({name: weights[name] for name in some}, tmp_path / file)
    where = {name: file for file, some in files.items() for name in some}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": where}))
    encoder = ImageEncoder(
        "internvit-6b", layer=[0, 1], pool="mean", pretrained=tmp_path
    )
    found = features(encoder)
    assert found.shape == (5, 24)
    assert list(found.columns.get_level_values("layer").unique()) == [
        "encoder.layers.0",
        "encoder.layers.1",
    ]
    last = ImageEncoder("internvit-6b", layer=1, pool="mean", pretrained=tmp_path)
    name = "encoder.layers.1"
    np.testing.assert_allclose(found[name], features(last)[name], atol=1e-5)
    embedding = features(ImageEncoder("internvit-6b", pretrained=str(index)))
    assert embedding.shape == (len(PICTURES), 12)
