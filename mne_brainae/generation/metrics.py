"""How much of the seen picture is in the generated one: the metrics of Table 3."""

# License: BSD-3-Clause

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from mne.utils import ProgressBar, _soft_import

from ..images.files import locate_images
from ..images.pairing import ImageNames, flat_stem, match_names
from ..scoring.correlation import correlate, correlate_all
from ..scoring.result import Result
from ..utils.checks import counted, five, seed_from, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..viz.generation import plot_picture_scores
from .networks import IDENTIFICATION, find_judges
from .pixels import about, as_pictures, as_pixels, names_of, resize

SIZE = 256  # both pictures are brought to this before anything else
PIXEL_SIZE = 425  # and to this for PixCorr and SSIM
HIGHER, LOWER = "higher", "lower"


def pixel_correlation(generated: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
    """Correlate pictures pixel by pixel (PixCorr).

    Parameters
    ----------
    generated, stimuli : array, shape (n_pictures, height, width, 3)
        The pictures.

    Returns
    -------
    r : array, shape (n_pictures,)
        Pearson correlation over all pixels and colors; 0 for a picture of one color.
    """
    n = len(generated)
    return correlate(generated.reshape(n, -1), stimuli.reshape(n, -1), axis=1)


def structural_similarity(generated: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
    """Compare local structure (SSIM).

    Parameters
    ----------
    generated, stimuli : array, shape (n_pictures, height, width, 3)
        The pictures, with values from 0 to 1.

    Returns
    -------
    ssim : array, shape (n_pictures,)
        The mean structural similarity of the gray pictures, in Gaussian windows of
        sigma 1.5 pixels, as Wang et al. (2004) define it.
    """
    _soft_import("skimage", "structural similarity")
    from skimage.color import rgb2gray
    from skimage.metrics import structural_similarity as ssim

    return np.array(
        [
            ssim(
                rgb2gray(one),
                rgb2gray(other),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1.0,
            )
            for one, other in zip(generated, stimuli, strict=True)
        ]
    )


def two_way_identification(generated: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
    """Ask of every generated picture which of two stimuli it shows.

    Parameters
    ----------
    generated, stimuli : array, shape (n_pictures, n_features)
        Features of the generated pictures and, row by row, of what was seen.

    Returns
    -------
    share : array, shape (n_pictures,)
        The share of the other stimuli whose features correlate less with those of the
        generated picture than its own stimulus does; 0.5 is chance. A tie counts one
        half, so that a picture without any feature is at chance.
    """
    r = correlate_all(generated, stimuli)
    own = np.diagonal(r)[:, None]
    wins = (r < own) + 0.5 * (r == own)
    return (wins.sum(axis=1) - 0.5) / (len(r) - 1)  # it ties with itself


def correlation_distance(generated: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
    """Return one minus the correlation of the features.

    Parameters
    ----------
    generated, stimuli : array, shape (n_pictures, n_features)
        Features of the generated pictures and, row by row, of what was seen.

    Returns
    -------
    distance : array, shape (n_pictures,)
        From 0, the same features, to 2.
    """
    return 1 - correlate(generated, stimuli, axis=1)


@dataclass(repr=False, eq=False)
class PictureScores(Result):
    """How much of the stimuli is in generated pictures, beside controls.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, 4 + n_controls)
        One row per score. The columns are ``generated``; one per control; ``shuffled``,
        the same pictures, each beside another stimulus; ``stimuli``, the stimuli as if
        they were generated, which is the best that can be; and ``better``, whether
        ``"higher"`` or ``"lower"`` is.
    protocol : dict
        Generation, stimuli, pictures per stimulus, gallery and seed.

    See Also
    --------
    mne_brainae.generation.score_pictures
    mne_brainae.viz.plot_picture_scores

    Examples
    --------
    >>> scores = generation.score_pictures(pictures, "images/")  # doctest: +SKIP
    >>> scores.plot()  # doctest: +SKIP
    """

    table: pd.DataFrame
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot all scores, beside controls and the best possible.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure: one row of dots for every score.

        See Also
        --------
        mne_brainae.viz.plot_picture_scores

        Examples
        --------
        >>> scores.plot()  # doctest: +SKIP
        """
        return plot_picture_scores(self.table, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return f"{counted(len(self.table), 'score')} beside controls"


@checked(
    networks=[str, list, tuple, Mapping, None],
    controls=[Mapping, None],
    device=[str],
    random_state=["random_state"],
)
@verbose
@fill_doc
def score_pictures(
    generated,
    stimuli,
    *,
    networks=None,
    controls: dict | None = None,
    device: str = "auto",
    random_state=None,
    verbose=None,
) -> PictureScores:
    """Score generated pictures against the stimuli, as in Table 3 of the paper.

    Parameters
    ----------
    generated : list of PIL.Image.Image | list of list | path-like | dict
        One picture per stimulus, or several. Scores are then computed for the first of
        every stimulus, the second, and so on, and averaged. Files and mappings are
        paired with the stimuli by name, as :meth:`GeneratedPictures.save` writes them:
        ``cat_1.png`` and ``cat_2.png`` are of ``cat.jpg``. Pictures without names, and
        lists of several per stimulus, are in the order of the stimuli.
    stimuli : list of PIL.Image.Image | path-like | dict
        The pictures that were seen: at least three, each once.
    networks : None | ``"paper"`` | sequence of str | dict
        Networks whose features are compared. None compares pixels only. ``"paper"`` is
        AlexNet(2), AlexNet(5), Inception, CLIP, EfficientNet and SwAV, a sequence names
        some of them; their weights are looked for on this machine and fetched
        otherwise. A mapping gives under each of these names a file of weights, or
        under any name a :class:`FeatureNetwork` or a function from a list of PIL
        images to an array (n_pictures, n_features).
    controls : dict | None
        Other generated pictures by name, such as those of the prior alone, which each
        get a column.
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device, for networks.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    scores : instance of PictureScores
        The scores of the generated pictures, of all controls and of the stimuli.

    Raises
    ------
    ValueError
        If there are other numbers of pictures than of stimuli, fewer than three
        stimuli, or names that do not say which picture is of which stimulus.

    See Also
    --------
    mne_brainae.generation.PictureScores
    mne_brainae.generation.FeatureNetwork

    Notes
    -----
    All pictures are brought to 256 x 256 pixels. PixCorr and SSIM see them at 425,
    AlexNet (IMAGENET1K_V1, ``features.4`` and ``features.11``) at 256, Inception v3
    (``avgpool``) at 342 and CLIP (ViT-L/14 of OpenAI) at 224: the share of correct
    two-way identifications among all stimuli. EfficientNet-B1 (IMAGENET1K_V2,
    ``avgpool``, 255) and SwAV (ResNet-50, ``avgpool``, 224) give a correlation
    distance. So does the code behind the published numbers (Scotti et al., 2023; Li et
    al., 2024). Two-way identification depends on how many and which stimuli there are:
    compare only scores on the same set.

    Examples
    --------
    >>> scores = generation.score_pictures(pictures, "images/")  # doctest: +SKIP
    """
    seen = as_pixels(as_pictures(stimuli, "stimuli"), SIZE)
    if len(seen) < 3:
        raise ValueError(f"stimuli must be at least three, got {len(seen)}.")
    names = names_of(stimuli)
    rounds = _rounds(generated, names, len(seen), "generated")
    others = {
        name: _rounds(pictures, names, len(seen), f"controls[{name!r}]")
        for name, pictures in (controls or {}).items()
    }
    seed = seed_from(random_state)
    order = other_places(len(seen), seed)
    rows = {}
    for name, (describe, compare, better) in _scores(networks, device).items():
        target = describe(seen)
        described = [describe(pixels) for pixels in rounds]
        row = {"generated": _mean(compare, described, target)}
        for control, pixels in others.items():
            row[control] = _mean(compare, [describe(p) for p in pixels], target)
        row["shuffled"] = _mean(compare, [d[order] for d in described], target)
        row["stimuli"] = _mean(compare, [target], target)
        rows[name] = row | {"better": better}
    table = pd.DataFrame(rows).T.infer_objects().rename_axis("score")
    protocol = {
        "stimuli": len(seen),
        "pictures per stimulus": len(rounds),
        "gallery": f"two-way identification among {len(seen)} stimuli",
        "seed of the shuffle": seed,
    }
    return PictureScores(table, protocol)


def _mean(compare: Callable, described: list, target: np.ndarray) -> float:
    return float(np.mean([compare(one, target).mean() for one in described]))


def _scores(networks, device: str) -> dict[str, tuple[Callable, Callable, str]]:
    """Return what describes pictures, what compares the descriptions, and the sign."""
    table = {
        "PixCorr": (_unchanged, _at_pixel_size(pixel_correlation), HIGHER),
        "SSIM": (_unchanged, _at_pixel_size(structural_similarity), HIGHER),
    }
    for name, judge in find_judges(networks, device).items():
        if judge.score == IDENTIFICATION:
            table[name] = (judge.features, two_way_identification, HIGHER)
        else:
            table[name] = (judge.features, correlation_distance, LOWER)
    return table


def _unchanged(pixels: np.ndarray) -> np.ndarray:
    return pixels


def _at_pixel_size(compare: Callable) -> Callable:
    """Compare pair by pair, since all pictures of that size are gigabytes."""

    def compare_each(generated: np.ndarray, stimuli: np.ndarray) -> np.ndarray:
        pairs = np.stack([generated, stimuli], axis=1)
        if len(pairs) > 100:
            pairs = ProgressBar(pairs, mesg="Comparing pictures")
        return np.concatenate([compare(*_large(pair)) for pair in pairs])

    return compare_each


def _large(pair: np.ndarray) -> np.ndarray:
    """Return a pair of pictures as two sets of one, shape (2, 1, size, size, 3)."""
    return resize(pair, PIXEL_SIZE).permute(0, 2, 3, 1).numpy()[:, None]


def _rounds(pictures, stimuli: list[str] | None, n_stimuli: int, name: str):
    """Return the first picture of every stimulus, the second, and so on, as arrays."""
    rounds = []
    for one in _in_rounds(pictures, stimuli, name):
        pixels = as_pixels(as_pictures(one, name), SIZE)
        if len(pixels) != n_stimuli:
            raise ValueError(
                f"{name} holds {len(pixels)} pictures for {n_stimuli} stimuli, "
                "expected one each, or a list of equally many for each."
            )
        rounds.append(pixels)
    return rounds


def _in_rounds(pictures, stimuli: list[str] | None, name: str) -> list[list]:
    """Bring pictures into the order of the stimuli, by name where both have names."""
    if isinstance(pictures, Mapping) and any(map(_is_list, pictures.values())):
        lists = list(pictures.values())
        if stimuli is None:
            pictures = lists
        else:
            rows = match_names(stimuli, list(pictures), name)
            pictures = [lists[row] for row in rows]
    if isinstance(pictures, list | tuple) and any(map(_is_list, pictures)):
        if len({len(_several(one)) for one in pictures}) > 1:
            raise ValueError(f"{name} must hold as many pictures of every stimulus.")
        return [list(one) for one in zip(*map(_several, pictures), strict=True)]
    with about(name):
        names = None if stimuli is None else names_of(pictures)
    if names is None:
        return [as_pictures(_listed(pictures), name)]
    if len(names) < len(stimuli):
        raise ValueError(
            f"{name} holds {len(names)} pictures for {len(stimuli)} stimuli, expected "
            "one each, or the same number of each."
        )
    pictures = list(locate_images(_listed(pictures), None).values())
    return [[pictures[row] for row in rows] for rows in _by_name(names, stimuli, name)]


def _by_name(names: list[str], stimuli: list[str], where: str) -> list[list[int]]:
    """Return the rows of the first picture of every stimulus, the second, and so on."""
    known = ImageNames(names)
    rows = [known.find_one(stimulus) for stimulus in stimuli]
    if sorted(row for row in rows if row is not None) == list(range(len(names))):
        return [rows]
    numbered = defaultdict(dict)
    for row, name in enumerate(names):
        stem, _, number = flat_stem(name).rpartition("_")
        if number.isdecimal():
            numbered[stem][int(number)] = row
    several = [numbered.get(flat_stem(stimulus), {}) for stimulus in stimuli]
    n_named = sum(map(len, several))
    if n_named < len(names) or len({frozenset(each) for each in several}) > 1:
        raise ValueError(
            f"The names of {where} do not say which picture is of which stimulus: "
            f"{five(names)} beside {five(stimuli)}. Expected the name of the stimulus, "
            "or the name and a number, as in cat_1.png, for as many pictures of each. "
            "Pictures in the order of the stimuli go into lists of PIL images."
        )
    return [[each[number] for each in several] for number in sorted(several[0])]


def _is_list(one) -> bool:
    return isinstance(one, list | tuple)


def _several(pictures) -> list:
    return pictures if _is_list(pictures) else [pictures]


def _listed(pictures):
    return list(pictures) if isinstance(pictures, tuple) else pictures


def other_places(n: int, seed: int) -> np.ndarray:
    """Return a random order in which nothing stays in its place.

    Parameters
    ----------
    n : int
        How many places.
    seed : int
        The seed.

    Returns
    -------
    order : array of int, shape (n,)
        The order.
    """
    cycle = np.random.default_rng(seed).permutation(n)
    order = np.empty(n, int)
    order[cycle] = np.roll(cycle, 1)
    return order
