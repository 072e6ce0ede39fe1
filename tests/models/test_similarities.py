"""The three similarities serve templates as they serve stimuli."""

import numpy as np
import pandas as pd
import pytest

import mne_brainae


@pytest.mark.parametrize("similarity", ["cosine", "encoding", "likelihood"])
def test_classify_by_every_similarity(similarity, model, unseen):
    epochs, table = unseen
    templates = table.set_axis(
        pd.MultiIndex.from_tuples(
            [(f"new {name[4:6]}", f"other-{i}") for i, name in enumerate(table.index)]
        )
    )
    found = model.classify(epochs, templates, similarity=similarity)
    assert found.p_value() < 1e-6


def test_a_mean_of_templates_is_as_good_as_its_images(recording, unseen):
    """As far as the model is told of how many images it is the mean."""
    linear = mne_brainae.fit(*recording, recipe="linear", verbose="ERROR")
    epochs, table = unseen
    each = table.set_axis(
        pd.MultiIndex.from_tuples(
            [(f"new {name[4:6]}", f"other-{i}") for i, name in enumerate(table.index)]
        )
    )
    concepts = each.groupby(level=0)
    (number,) = set(concepts.size())
    assert number > 1
    means = concepts.mean()
    means.index = pd.MultiIndex.from_tuples([(name, "mean") for name in means.index])
    told, untold, expected = (
        linear.classify(
            epochs, templates, similarity="likelihood", n_per_template=count
        ).similarity
        for templates, count in ((means, number), (means, 1), (each, 1))
    )
    np.testing.assert_allclose(told, expected, rtol=1e-3)
    assert np.abs(untold - expected).max() > 0.1
