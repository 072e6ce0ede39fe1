"""Named settings of :class:`mne_brainae.BrainAE`."""

# License: BSD-3-Clause

from __future__ import annotations

#: Responses are aligned with fixed image features; nothing leads back to responses.
ONLY_ALIGNED: dict = {
    "brain_decoder": "linear",
    "image_projection": "identity",
    "loss_weights": {"feature": 0, "recon_brain": 0, "recon_image": 0},
    "validation": "concept",
}

RECIPES: dict[str, dict] = {
    # Section 4.2, Tables 6 and 7, Appendix I: validation on 740 random images.
    "paper": {"validation": "image", "validation_size": 740},
    # What measures best on real neurons and simulated EEG: the closed form.
    "best": {
        "brain_encoder": "linear",
        "brain_decoder": "linear",
        "n_embedding": 128,
        "init": "ridge",
        "n_signal": "auto",
        "max_epochs": 0,
        "standardize": "evoked",
        "spatial_window": "auto",
        "imputation": "gaussian",
    },
    # The systems of Table 2, decoding only, as their authors train them, but chosen on
    # concepts that were held out, and never on the test.
    "nice": ONLY_ALIGNED
    | {
        "brain_encoder": "nice",
        "learning_rate": 2e-4,
        "batch_size": 1000,
        "max_epochs": 200,
    },
    "atm": ONLY_ALIGNED
    | {
        "brain_encoder": "atm",
        "learning_rate": 3e-4,
        "betas": (0.9, 0.999),
        "batch_size": 64,
        "max_epochs": 40,
    },
}
