"""The three similarities serve templates as they serve stimuli."""

import pandas as pd
import pytest


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
