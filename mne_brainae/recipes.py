"""Named settings of :class:`mne_brainae.BrainAE`."""

# License: BSD-3-Clause

from __future__ import annotations

RECIPES: dict[str, dict] = {
    # Section 4.2, Tables 6 and 7, Appendix I: validation on 740 random images.
    "paper": {"validation": "image", "validation_size": 740},
    # What measures best on real neurons and simulated EEG: the closed form.
    "best": {
        "brain_encoder": "linear",
        "brain_decoder": "linear",
        "n_embedding": 128,
        "init": "ridge",
        "max_epochs": 0,
        "standardize": "evoked",
        "spatial_window": "auto",
        "imputation": "gaussian",
    },
}
