"""Named settings of :class:`mne_brainae.BrainAE`."""

# License: BSD-3-Clause

from __future__ import annotations

RECIPES: dict[str, dict] = {
    # Section 4.2, Tables 6 and 7, Appendix I: validation on 740 random images.
    "paper": {"validation": "image", "validation_size": 740},
}
