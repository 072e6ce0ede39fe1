"""What a study finds: a table, and the protocol that it came from."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass
class Finding:
    """A table of scores with its protocol.

    Parameters
    ----------
    protocol : str
        What was measured, of which data, and how, in sentences.
    table : DataFrame
        The scores.
    figures : tuple of Figure
        Plots of the same, if there are any.
    """

    protocol: str
    table: pd.DataFrame
    figures: tuple[Figure, ...] = ()
