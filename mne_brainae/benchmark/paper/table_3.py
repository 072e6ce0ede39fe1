"""Table 3: generated images, published scores beside those of one's own folders."""

# License: BSD-3-Clause

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

METRICS = (
    "PixCorr",
    "SSIM",
    "AlexNet(2)",
    "AlexNet(5)",
    "Inception",
    "CLIP",
    "EfficientNet",
    "SwAV",
)
#: As the paper prints them; of EfficientNet and SwAV less is better.
PUBLISHED = {
    ("EEG (sub-08), published", "MB2C"): "0.188 0.333 - - - - - -",
    ("EEG (sub-08), published", "ATM"): ".160 .345 .776 .866 .734 .786 - .582",
    ("EEG (sub-08), published", "BrainAE"): ".211 .432 .768 .869 .753 .816 .865 .541",
    ("MEG (sub-02), published", "B. D."): ".081 .341 .788 .879 .710 .799 - .560",
    ("MEG (sub-02), published", "ATM"): ".104 .340 .613 .672 .619 .603 - .651",
    ("MEG (sub-02), published", "BrainAE"): ".181 .386 .767 .883 .745 .814 .878 .553",
    ("MUA (average), published", "BrainAE"): ".221 .424 .856 .931 .799 .839 .834 .539",
}


def published_scores() -> pd.DataFrame:
    """Return the published rows of Table 3.

    Returns
    -------
    table : DataFrame, shape (7, 8)
        Scores by data and system; NaN where nothing was published.
    """
    rows = {key: line.split() for key, line in PUBLISHED.items()}
    table = pd.DataFrame(rows, index=list(METRICS)).T
    return table.apply(pd.to_numeric, errors="coerce").rename_axis(["data", "system"])


def measured_scores(folder: str | Path) -> tuple[pd.DataFrame, str]:
    """Read the scores that ``mne_brainae generate --score`` wrote.

    Parameters
    ----------
    folder : path-like
        The folder that was given as ``--out``.

    Returns
    -------
    table : DataFrame, shape (n_rows, 8)
        The generated images and every control; NaN where a judge had no weights.
    protocol : str
        How they came about.

    Raises
    ------
    FileNotFoundError
        The folder holds no scores.
    """
    folder = Path(folder)
    files = folder / "scores.csv", folder / "protocol.json"
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} does not exist. Give the folder of mne_brainae generate MODEL "
                "EPOCHS --score --stimuli FOLDER --out FOLDER."
            )
    scores = pd.read_csv(files[0], index_col=0)
    protocol = json.loads(files[1].read_text("utf-8"))
    table = scores.drop(columns="better", errors="ignore").T
    table = table.apply(pd.to_numeric).reindex(columns=list(METRICS))
    keys = [(f"{folder.name}, measured", name) for name in table.index]
    table.index = pd.MultiIndex.from_tuples(keys, names=["data", "system"])
    return table, "; ".join(f"{name}: {value}" for name, value in protocol.items())


def table_3(folders: Iterable[str | Path] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Put published and measured scores into one table.

    Parameters
    ----------
    folders : iterable of path-like
        Folders of ``mne_brainae generate --score``.

    Returns
    -------
    table : DataFrame, shape (n_rows, 8)
        Scores by data and system. Measured rows bear the name of their folder, and
        never that of a data set of the paper.
    protocols : list of str
        One for each folder.
    """
    measured = [measured_scores(folder) for folder in folders]
    tables = [published_scores(), *(table for table, _ in measured)]
    return pd.concat(tables), [protocol for _, protocol in measured]
