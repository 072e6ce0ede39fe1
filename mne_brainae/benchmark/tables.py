"""The tables of the paper as data, with the values that were published."""

# License: BSD-3-Clause

from __future__ import annotations

from ..nn.losses import LOSS_TERMS
from .spec import Row, Table

ENCODING = ("mse all", "r all", "mse visual", "r visual")
DECODING = (
    "classification top-1",
    "classification top-5",
    "retrieval top-1",
    "retrieval top-5",
)
EEG, MEG, MUA = "things_eeg2", "things_meg", "tvsd"


def _only(*terms: str) -> dict:
    """Return the settings that switch all other terms of the loss off."""
    return {"loss_weights": {term: float(term in terms) for term in LOSS_TERMS}}


CON, FEA, RECON_B, RECON_I = LOSS_TERMS

TABLE_4 = Table(
    "table4",
    "Ablation of the objective (THINGS-EEG2)",
    ENCODING + DECODING,
    (
        Row(
            "w/ L_con",
            "0.163±0.067 0.000±0.006 0.177±0.078 -0.005±0.008 "
            "18.1±3.9 47.1±4.5 30.9±6.0 63.5±5.2",
            settings=_only(CON),
        ),
        Row(
            "w/ L_recon",
            "0.027±0.005 0.469±0.105 0.027±0.005 0.575±0.117 "
            "0.6±0.3 3.3±0.6 0.7±0.3 3.1±0.5",
            settings=_only(RECON_B, RECON_I),
        ),
        Row(
            "w/o L_con",
            "0.033±0.007 0.537±0.073 0.028±0.005 0.655±0.057 "
            "1.5±0.5 6.8±1.1 1.3±0.7 9.2±2.3",
            settings=_only(FEA, RECON_B, RECON_I),
        ),
        Row(
            "w/o L_fea",
            "0.028±0.004 0.498±0.089 0.029±0.003 0.641±0.060 "
            "17.8±2.6 46.4±2.9 30.0±4.5 63.2±5.3",
            settings=_only(CON, RECON_B, RECON_I),
        ),
        Row(
            "w/o L_recon_B",
            "0.043±0.008 0.481±0.094 0.034±0.004 0.621±0.084 "
            "18.0±3.6 45.6±3.9 30.1±3.5 64.0±5.4",
            settings=_only(CON, FEA, RECON_I),
        ),
        Row(
            "w/o L_recon_I",
            "0.072±0.008 0.392±0.065 0.067±0.007 0.469±0.064 "
            "18.0±3.0 46.1±6.2 30.0±5.5 61.8±7.7",
            settings=_only(CON, FEA, RECON_B),
        ),
        Row(
            "overall",
            "0.027±0.005 0.583±0.071 0.024±0.003 0.680±0.052 "
            "18.2±3.2 46.7±4.3 30.6±4.0 63.0±4.8",
        ),
    ),
    reference="overall",
)

TABLES = {table.name: table for table in (TABLE_4,)}
