"""Images of the brain become Epochs, and Epochs images of the brain."""

import numpy as np
import pandas as pd
import pytest
from nibabel import Nifti1Image
from nilearn.maskers import (
    NiftiLabelsMasker,
    NiftiMapsMasker,
    NiftiMasker,
    SurfaceMasker,
)
from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae

SHAPE, AFFINE = (4, 5, 6), np.diag([3.0, 3.0, 3.0, 1.0])
TABLE = pd.DataFrame({"image": ["a.png", "b.png", "c.png"]}, index=[7, 8, 9])


def inside():
    """A mask that leaves out the rim."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 1:4, 1:5] = 1
    return mask


@pytest.fixture(scope="module")
def masker():
    return NiftiMasker(Nifti1Image(inside(), AFFINE), standardize=None).fit()


@pytest.fixture
def volumes():
    data = np.random.default_rng(0).standard_normal((*SHAPE, 3)).astype(np.float32)
    return Nifti1Image(data, AFFINE)


def test_epochs_hold_the_voxels_of_the_mask(masker, volumes):
    epochs = mne_brainae.epochs_from_imgs(volumes, masker, TABLE)
    expected = volumes.get_fdata()[inside() > 0].T
    assert_allclose(epochs.get_data()[:, :, 0], expected, rtol=1e-6)
    assert list(epochs.metadata["image"]) == ["a.png", "b.png", "c.png"]
    assert epochs.times == 0
    assert epochs.ch_names[:2] == ["voxel-0", "voxel-1"]


def test_lists_and_arrays_are_the_same(masker, volumes):
    from nilearn.image import iter_img

    expected = mne_brainae.epochs_from_imgs(volumes, masker, TABLE).get_data()
    for imgs in (list(iter_img(volumes)), masker.transform(volumes)):
        found = mne_brainae.epochs_from_imgs(imgs, masker, TABLE)
        assert_allclose(found.get_data(), expected, rtol=1e-6)


def test_the_way_back_is_the_image_behind_the_mask(masker, volumes):
    epochs = mne_brainae.epochs_from_imgs(volumes, masker, TABLE)
    found = mne_brainae.epochs_to_img(epochs, masker)
    expected = volumes.get_fdata() * (inside() > 0)[..., None]
    assert_allclose(found.get_fdata(), expected, rtol=1e-6)
    assert_array_equal(found.affine, AFFINE)
    mean = mne_brainae.epochs_to_img(epochs.average("all"), masker)
    assert_allclose(mean.get_fdata(), expected.mean(-1), rtol=1e-5, atol=1e-7)


def test_channels_that_are_left_out_are_zero(masker, volumes):
    epochs = mne_brainae.epochs_from_imgs(volumes, masker, TABLE)
    some = epochs.copy().pick(["voxel-20", "voxel-3"])
    back = masker.transform(mne_brainae.epochs_to_img(some, masker))
    kept = epochs.get_data()[:, [3, 20], 0]
    assert_allclose(back[:, [3, 20]], kept, rtol=1e-6)
    assert not np.delete(back, [3, 20], 1).any()


@pytest.mark.filterwarnings("ignore:Applying .mask_img. before")  # of nilearn 0.12
def test_regions(volumes):
    labels = Nifti1Image((inside() * np.arange(6)).astype(np.int32), AFFINE)
    maps = Nifti1Image(np.stack([inside() * 1.0, inside() * 0.5], -1), AFFINE)
    for other in (
        NiftiLabelsMasker(labels, standardize=None),
        NiftiMapsMasker(maps, standardize=None),
    ):
        other.fit()
        epochs = mne_brainae.epochs_from_imgs(volumes, other, TABLE)
        assert epochs.ch_names[0] == "region-0"
        back = other.transform(mne_brainae.epochs_to_img(epochs, other))
        if isinstance(other, NiftiLabelsMasker):  # maps that overlap have no inverse
            assert_allclose(back, epochs.get_data()[:, :, 0], rtol=1e-5, atol=1e-6)


def test_surface():
    corners = np.random.default_rng(1).standard_normal((5, 3))
    mesh = InMemoryMesh(corners, np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4]]))
    mesh = PolyMesh(left=mesh, right=mesh)
    data = np.random.default_rng(2).standard_normal((5, 3)).astype(np.float32)
    surface = SurfaceImage(mesh, {"left": data, "right": -data})
    masker = SurfaceMasker(standardize=None).fit(surface)
    epochs = mne_brainae.epochs_from_imgs(surface, masker, TABLE)
    assert epochs.ch_names[-1] == "vertex-9"
    back = mne_brainae.epochs_to_img(epochs, masker)
    assert_allclose(back.data.parts["right"], -data, rtol=1e-6)


@pytest.fixture(scope="module")
def linear_brain(masker):
    """Volumes whose voxels are mixtures of features of the images."""
    rng = np.random.default_rng(3)
    names = [f"c{i // 2}/im-{i}.png" for i in range(140)]
    features = pd.DataFrame(
        rng.standard_normal((140, 5)).astype(np.float32), index=names
    )
    mix = rng.standard_normal((5, masker.n_elements_))
    shown = np.tile(np.arange(140), 2)
    rows = features.to_numpy()[shown] @ mix
    rows += 0.5 * rng.standard_normal(rows.shape)
    table = pd.DataFrame({"image": np.array(names)[shown]})
    table["concept"] = table["image"].str.partition("/")[0]
    return masker.inverse_transform(rows), table, features, mix


def test_a_model_predicts_volumes_of_new_images(linear_brain, masker):
    volumes, table, features, mix = linear_brain
    epochs = mne_brainae.epochs_from_imgs(volumes, masker, table)
    is_test = table["concept"].isin([f"c{i}" for i in range(60, 70)]).to_numpy()
    model = mne_brainae.fit(epochs[~is_test], features, recipe="linear")
    unseen = features.loc[table["image"][is_test].unique()]
    found = masker.transform(model.predict_img(unseen, masker))
    expected = unseen.to_numpy() @ mix
    r = [np.corrcoef(found[:, v], expected[:, v])[0, 1] for v in range(24)]
    assert min(r) > 0.95
    test = mne_brainae.average_repetitions(epochs[is_test])
    assert model.retrieve(test, unseen).top_k() > 0.5  # 1 in 20 by chance


def test_what_does_not_fit_is_refused(masker, volumes):
    make = mne_brainae.epochs_from_imgs
    with pytest.raises(ValueError, match=r"shape \(3, 24\).*2 rows"):
        make(volumes, masker, TABLE[:2])
    with pytest.raises(ValueError, match="is not fitted"):
        make(volumes, NiftiMasker(), TABLE)
    rows = np.zeros((3, 24))
    rows[1, 5] = np.nan
    with pytest.raises(ValueError, match="1 place inside the mask, such as '5'"):
        make(rows, masker, TABLE)
    epochs = make(volumes, masker, TABLE)
    smaller = NiftiMasker(Nifti1Image(inside()[:, :2], AFFINE), standardize=None).fit()
    with pytest.raises(ValueError, match="not among the 8 inside the mask"):
        mne_brainae.epochs_to_img(epochs, smaller)


def test_epochs_in_time_are_no_image(recording, masker):
    with pytest.raises(ValueError, match="40 samples"):
        mne_brainae.epochs_to_img(recording[0], masker)
