"""The curve of few images: sizes, scores, and what is refused."""

import numpy as np
import pytest

from mne_brainae.benchmark.studies import few_images as study


def test_skill_falls_to_nothing_with_images_shuffled(tmp_path):
    found = study.measure((40,), n_candidates=20, seeds=(0,), path=tmp_path)
    assert "20 unseen images" in found.protocol
    assert "chance of top-1 is 0.050" in found.protocol
    linear, shuffled = (
        found.table.loc[(40, name)] for name in ("linear", study.SHUFFLED)
    )
    assert linear["skill"] > 0.2 > shuffled["skill"]
    assert linear["slope"] > 0.5 > shuffled["slope"]
    assert linear["top-1 likelihood"] > 3 * 0.05
    chance = found.table.loc[(40, study.CHANCE)].dropna()
    assert np.unique(chance) == 0.05


def test_images_have_whole_concepts(tmp_path):
    data = study.simulate_images(
        12, 4, n_test_concepts=4, n_train_repetitions=1, path=tmp_path
    )
    assert data.train.metadata["image"].nunique() == 12
    assert data.train.metadata["concept"].nunique() == 3
    with pytest.raises(ValueError, match="multiple of 4 and at least 8, got 10"):
        study.simulate_images(10, 4)
