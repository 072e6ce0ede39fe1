"""The list of image encoders, and what they cost."""

import re

import numpy as np

from mne_brainae import list_image_encoders
from mne_brainae.commands import main
from mne_brainae.images import catalogue
from mne_brainae.images.encoders import PRESETS


def test_cost_is_printed(capsys):
    encoder = "--encoder timm:test_vit --pretrained random --layer 0.5"
    size = "--images 4 --rounds 1 --side 99"
    main(["benchmark", "images", "cost", *encoder.split(), *size.split()])
    shown = capsys.readouterr().out
    assert re.search(r"bare network +[\d.]+ +1\.0", shown)
    assert len(re.findall(r"images: [\d.]+ MiB, and", shown)) == 2


def test_list_of_encoders():
    """Sizes that the papers and libraries state, counted on the networks."""
    table = list_image_encoders()
    assert list(table.index) == ["gabor", *PRESETS]
    assert table.index.name == "encoder"
    millions = table["n_parameters"] / 1e6
    # timm, open_clip and OpenGVLab document 85.8, 304, 632, 4350, 38 and 5540 M
    expected = {
        "vit-b-16": 85.8,
        "clip-vit-l-14": 304,
        "clip-vit-h-14": 632,
        "eva02-clip-e-14-plus": 4351,
        "clip-rn50": 38.3,
        "internvit-6b": 5540,
    }
    for name, size in expected.items():
        assert abs(millions[name] / size - 1) < 0.005
    # 17.6 GMAC are documented for ViT-B/16 at 224 x 224
    assert abs(table.loc["vit-b-16", "gflop_per_image"] / 35.2 - 1) < 0.01
    assert list(table["n_layers"][1:]) == [12, 24, 32, 64, 4, 45, 16, 21]
    widths = [768, 768, 1024, 1024, 1024, 3200, 1280, 1280]
    assert list(table["n_features"][1:]) == widths
    assert table["license"].notna().all()
    assert table.loc[
        ["gabor", "efficientnet-lite0", "efficientnet-lite2"], "at_hand"
    ].all()


def test_list_with_a_probe(capsys):
    main(["image-encoders", "timm:test_vit", "gabor", "--probe", "--device", "cpu"])
    shown = capsys.readouterr().out
    assert "images_per_second" in shown
    table = list_image_encoders(["timm:test_vit"])
    assert table.loc["timm:test_vit", "license"] == "apache-2.0"
    assert table.loc["timm:test_vit", "n_layers"] == 6


def test_probe_leaves_out_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(catalogue, "MEMORY_SHARE", 1e-9)
    table = list_image_encoders(["gabor", "timm:test_vit"], probe=True, device="cpu")
    assert table.loc["gabor", "images_per_second"] > 0
    assert np.isnan(table.loc["timm:test_vit", "images_per_second"])
