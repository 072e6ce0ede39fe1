"""Both ways from raw data to averages."""

import numpy as np

from mne_brainae.benchmark.studies import preprocessing


def test_both_ways_agree(tmp_path):
    """The block-by-block way finds the same averages."""
    header = preprocessing.generate(tmp_path / "x.vhdr", 90)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(90), 2))
    onsets = 1000 + 200 * np.arange(180)
    lean = preprocessing.block_by_block(str(header), onsets, order)
    plain = preprocessing.all_at_once(str(header), onsets, order)
    assert lean.shape == plain.shape == (90, 63, 250)
    first = list(dict.fromkeys(order))  # averages come in order of appearance
    lean = lean[[first.index(image) for image in range(90)]]
    # One low-passes the recording at 100 Hz, the other epochs at 125 Hz.
    assert np.corrcoef(lean.ravel(), plain.ravel())[0, 1] > 0.85
