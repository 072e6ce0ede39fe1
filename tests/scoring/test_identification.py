"""Ranks by hand, and what the result says of itself."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from mne_brainae import Identification, pool_identifications
from mne_brainae.scoring.identification import cosine_similarity, rank_of_truth

SIMILARITY = np.array(
    [
        [0.9, 0.1, 0.2, 0.3],  # a is the best
        [0.9, 0.1, 0.2, 0.3],  # b is the last
        [0.5, 0.1, 0.5, 0.3],  # c shares the first place, so it is second
        [0.4, 0.4, 0.4, 0.4],  # all alike, so d is the last
    ]
)
PROTOCOL = {"task": "retrieval", "gallery": "4 images", "seed": 7}


@pytest.fixture
def found():
    return Identification(SIMILARITY, list("abcd"), list("abcd"), PROTOCOL)


def test_ranks_by_hand(found):
    assert_array_equal(found.ranks, [1, 4, 2, 4])
    assert [found.top_k(k) for k in (1, 2, 3, 4)] == [0.25, 0.5, 0.5, 1.0]
    assert [found.chance(k) for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert found.predicted == list("aaaa")


def test_collapsed_embedding_is_no_success():
    same = Identification(np.ones((5, 5)), list("abcde"), list("abcde"))
    assert same.top_k(1) == 0
    assert same.top_k(4) == 0


def test_not_a_number_is_no_success():
    """Similarities that are not numbers are refused, or count as errors."""
    similarity = SIMILARITY.copy()
    similarity[0] = np.nan
    try:
        found = Identification(similarity, list("abcd"), list("abcd"))
    except ValueError:
        return
    assert found.ranks[0] == 4


def test_shape_of_similarity():
    with pytest.raises(ValueError, match="shape"):
        Identification(SIMILARITY[:, :3], list("abcd"), list("abca"))
    with pytest.raises(ValueError, match="shape"):
        Identification(SIMILARITY[:3], list("abcd"), list("abcd"))


@pytest.mark.parametrize(
    ("k", "message"),
    [(0, "'k' parameter"), (1.5, "Got 1.5"), (5, "between 1 and the 4 candidates")],
)
def test_k_out_of_range(k, message, found):
    for method in (found.top_k, found.chance):
        with pytest.raises(ValueError, match=message):
            method(k)


def test_to_data_frame(found):
    table = found.to_data_frame()
    assert list(table) == [
        "truth",
        "predicted",
        "rank",
        "similarity",
        "best_similarity",
    ]
    assert table["truth"].tolist() == list("abcd")
    assert table["predicted"].tolist() == list("aaaa")
    assert_array_equal(table["rank"], [1, 4, 2, 4])
    assert_array_equal(table["similarity"], [0.9, 0.1, 0.5, 0.4])
    assert_array_equal(table["best_similarity"], [0.9, 0.9, 0.5, 0.4])


def test_plot(found):
    assert isinstance(found.plot(show=False), Figure)
    figure, axes = plt.subplots()
    assert found.plot(axes=axes, show=False) is figure
    assert axes.lines


def test_repr_has_the_protocol(found):
    text = repr(found)
    assert "4 epochs" in text
    assert "4 epochs, top-1 25.0 %, median rank 3 of 4" in text
    assert text.splitlines()[2].split()[:3] == ["top-1", "0.25", "0.25"]
    assert "top-5" not in text
    for key, value in PROTOCOL.items():
        assert f"{key}: {value}" in text
    one = Identification(np.eye(2)[:1], ["a", "b"], ["a"])
    assert "<Identification | 1 epoch, " in repr(one)


def test_repeated_truth():
    found = Identification(SIMILARITY, list("abcd"), list("aaca"))
    assert_array_equal(found.ranks, [1, 1, 2, 4])


def test_truth_not_in_the_gallery():
    with pytest.raises(ValueError, match=r"gallery lacks.*'x'"):
        Identification(SIMILARITY, list("abcd"), list("abcx"))
    with pytest.raises(ValueError, match="more than once: 'a'"):
        Identification(SIMILARITY, list("aacd"), list("aacd"))


galleries = st.tuples(st.integers(1, 6), st.integers(1, 8)).flatmap(
    lambda shape: st.tuples(
        # few different values, so that ties are common
        hnp.arrays(np.float64, shape, elements=st.integers(-2, 2).map(float)),
        hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)),
        st.permutations(range(shape[0])),
        st.permutations(range(shape[1])),
    )
)


@settings(max_examples=100, deadline=None)
@given(galleries)
def test_order_does_not_matter(drawn):
    similarity, true, rows, columns = drawn
    ranks = rank_of_truth(similarity, true)
    for row in range(len(ranks)):
        others = np.delete(similarity[row], true[row])
        assert ranks[row] == 1 + sum(others >= similarity[row, true[row]])
    assert_array_equal(rank_of_truth(similarity[rows], true[rows]), ranks[rows])
    moved = np.argsort(columns)[true]
    assert_array_equal(rank_of_truth(similarity[:, columns], moved), ranks)
    names = np.array([f"image {i}" for i in range(similarity.shape[1])])
    found = Identification(similarity[:, columns], names[columns], names[true])
    assert_array_equal(found.ranks, ranks)
    assert found.top_k(similarity.shape[1]) == 1


def test_cosine():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
    expected = [[x @ y / np.sqrt(x @ x) / np.sqrt(y @ y) for y in b] for x in a]
    assert_allclose(cosine_similarity(a, b), expected)
    assert_allclose(cosine_similarity(1e-8 * a, 1e8 * b), expected)
    assert not cosine_similarity(0 * a, b).any()


def test_model_finds_unseen_images(model, unseen):
    epochs, table = unseen
    found = model.retrieve(epochs, table)
    assert found.similarity.shape == (len(epochs), len(table))
    assert found.top_k(5) > 2 * found.chance(5)
    shuffled = model.retrieve(epochs, table.iloc[::-1])
    assert_array_equal(shuffled.ranks, found.ranks)
    assert found.protocol["test images seen in fit"] == 0


def test_seen_images_are_said(model, recording):
    epochs, table = recording
    with pytest.warns(RuntimeWarning, match="seen in fit"):
        found = model.retrieve(epochs[:10], table)
    assert found.protocol["test images seen in fit"] > 0


@pytest.fixture
def with_images(found):
    """The same among images: squares of four colors, the last without a file."""
    colors = dict(zip("abc", ("red", "green", "blue"), strict=True))
    images = {name: Image.new("RGB", (300, 200), c) for name, c in colors.items()}
    return replace(found, images=images | {"d": "nowhere.png"})


def test_gallery_shows_what_was_seen_and_guessed(with_images):
    figure = with_images.plot_gallery(k=2, n_epochs=3, show=False)
    axes = np.reshape(figure.axes, (3, 3))
    assert [ax.get_title() for ax in axes[0]] == ["seen", "guess 1", "guess 2"]
    seen = [np.asarray(ax.images[0].get_array())[0, 0].tolist() for ax in axes[:, 0]]
    assert seen == [[255, 0, 0], [0, 128, 0], [0, 0, 255]]
    assert axes[1, 0].get_xlabel() == "b\nrank 4"
    assert axes[0, 1].get_xlabel() == "a\nsimilarity = 0.9"
    framed = [[ax.spines["left"].get_visible() for ax in line] for line in axes]
    assert framed == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert axes[0, 2].texts[0].get_text() == "d"  # has no file
    assert max(axes[0, 0].images[0].get_array().shape) == 160


def test_gallery_shows_probabilities(with_images):
    likely = replace(with_images, is_log_likelihood=True)
    figure = likely.plot_gallery(k=1, n_epochs=1, show=False)
    p = likely.probabilities.to_numpy()[0].max()
    assert figure.axes[1].get_xlabel() == f"a\np = {p:.2g}"


def test_gallery_of_other_images(found, tmp_path):
    with pytest.raises(ValueError, match="images of the candidates are not known"):
        found.plot_gallery(show=False)
    for name in "abcd":
        Image.new("L", (8, 8)).save(tmp_path / f"{name}.png")
    assert len(found.plot_gallery(tmp_path, show=False).axes) == 4 * 5


def test_html_has_small_images(with_images, found):
    html = with_images._repr_html_()
    assert html.count("<img") == 4 * 5 - 1 - 4  # d was seen once and guessed four times
    assert html.count("#2ca02c") == 4
    assert len(html) < 60_000
    assert "<img" not in found._repr_html_()
    assert "<img" in pool_identifications([with_images, found])._repr_html_()
