"""
.. _tut-fmri:

==============
fMRI and fNIRS
==============

A model does not care what a channel is. This tutorial fits one to fMRI: a voxel is a
channel, and the response to an image is one number per voxel. nilearn takes the volumes
apart and puts them together again. The end of the page is about fNIRS, whose responses
have a time course.

.. important::

   The volumes below are **generated**: voxels at the back of a standard brain mix
   features of the images, and all others are noise. Nothing here is evidence about
   brains.
"""

# License: BSD-3-Clause

# %%
# From volumes to Epochs
# ----------------------
#
# What is needed is one volume per trial, such as the estimates (betas) of a model of
# the BOLD signal of single trials; and a table that names the image of every trial.
# Here the images are those of the simulated recording, and the mask is that of the MNI
# template at 10 mm.

import mne
import numpy as np
from nilearn import datasets, plotting
from nilearn.maskers import NiftiMasker

import mne_brainae

drawn = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=80,
    n_exemplars=4,
    n_templates=0,
    n_test_repetitions=4,
    random_state=0,
)
features = mne_brainae.compute_image_features(drawn.images, "gabor")

masker = NiftiMasker(datasets.load_mni152_brain_mask(10), standardize=None).fit()
places = masker.mask_img_.affine @ np.vstack(
    [np.argwhere(masker.mask_img_.get_fdata() > 0).T, np.ones(masker.n_elements_)]
)
is_visual = places[1] < -75  # behind, in mm
print(f"{masker.n_elements_} voxels, {is_visual.sum()} of them respond to images")

# %%
# One function makes volumes of the names of images: a random mixture of ten directions
# of the features in every visual voxel, and noise in all voxels.

rng = np.random.default_rng(0)
rows = features.to_numpy()
axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:10]
latent = (rows - rows.mean(0)) @ axes.T
latent /= latent.std()
mix = rng.standard_normal((10, masker.n_elements_)) * is_visual


def measure(table):
    """Return one volume per row, as a 4-D NIfTI image."""
    shown = features.index.get_indexer(table["image"])
    noise = rng.standard_normal((len(table), masker.n_elements_))
    return masker.inverse_transform(latent[shown] @ mix + 5 * noise)


train_table, test_table = drawn.train.metadata, drawn.test.metadata
volumes = measure(train_table)
print(volumes.shape)

# %%
# :func:`mne_brainae.epochs_from_imgs` makes Epochs of one sample. From here on
# everything is as with EEG.

train = mne_brainae.epochs_from_imgs(volumes, masker, train_table)
test = mne_brainae.epochs_from_imgs(measure(test_table), masker, test_table)
print(train)

# %%
# Encoding
# --------
#
# The closed form of ``fit`` learns how the noise of all channels goes together, for
# which thousands of voxels are too many. :class:`mne_brainae.RidgeModel` takes each
# voxel alone, and a whole brain in seconds. A prediction goes back through the masker,
# to a NIfTI image that every program reads.

model = mne_brainae.RidgeModel().fit(train, features)
shown = list(dict.fromkeys(test_table["image"]))
predicted = model.predict_img(features.loc[shown[:1]], masker)
print(predicted.shape)

display = plotting.plot_glass_brain(
    predicted,
    threshold=0.5,
    plot_abs=False,
    colorbar=True,
    title="predicted response to one new image (a.u.)",
)

# %%
# How well are voxels predicted? The correlation over new images is a map as well. The
# voxels that respond stand out; the others are at zero on average, and a glass brain
# shows the highest of all that lie behind one another.

scores = model.score_encoding(test, features, n_bootstraps=0, random_state=0)
r_img = mne_brainae.epochs_to_img(scores.r_map, masker)
display = plotting.plot_glass_brain(
    r_img,
    threshold=0.3,
    colorbar=True,
    title=f"r over {len(shown)} new images",
)
r = scores.r_map.data[:, 0]
print(f"visual voxels: r {r[is_visual].mean():.2f}, ", end="")
print(f"others: {r[~is_visual].mean():.2f}")

# %%
# ``plotting.plot_img_on_surf(r_img)`` draws the same on the cortical surface, for which
# nilearn downloads a mesh. A masker of surfaces (``SurfaceMasker``) or of regions
# (``NiftiLabelsMasker``) takes the place of ours without further changes.
#
# Voxels that repeat
# ------------------
#
# Which voxels give the same response to the same image can be told from the training
# data alone: the correlation of two repetitions over images. ``picks`` fits the closed
# form to these, and all others are 0 in the volumes that it predicts.

repetition = train.metadata["repetition"].to_numpy()
halves = []
for number in np.unique(repetition)[:2]:
    half = train[repetition == number]
    order = half.metadata["image"].argsort()  # the same images in the same order
    values = half.get_data()[order, :, 0]
    halves.append((values - values.mean(0)) / values.std(0))
first, second = halves
reliable = np.flatnonzero((first * second).mean(0) > 0.25)
picks = [train.ch_names[number] for number in reliable]
print(f"{len(picks)} reliable voxels, {is_visual[reliable].sum()} of them visual")

focused = mne_brainae.fit(train, features, recipe="linear", picks=picks, random_state=0)

# %%
# Decoding
# --------
#
# Which of the new images was seen?

averaged = mne_brainae.average_repetitions(test)
for name, each, similarity in (
    ("ridge, all voxels", model, "encoding"),
    ("closed form, reliable voxels", focused, "likelihood"),
):
    found = each.retrieve(averaged, features.loc[shown], similarity=similarity)
    print(f"{name}: top-1 {found.top_k():.2f}, chance {found.chance():.3f}")

# %%
# fNIRS
# -----
#
# Oxygenated and deoxygenated hemoglobin are channel types of MNE-Python, ``"hbo"`` and
# ``"hbr"``. Predictions, scores, maps and reports keep the two apart, each in its
# unit. A response lasts many seconds, so a window of 10 s at a few hertz does.
#
# Below are sixteen channels over the back of the head whose response is a delayed bump,
# up in one type and down in the other.

angles = np.linspace(-1.2, 1.2, 16)
midpoints = np.c_[
    0.09 * np.sin(angles), -0.09 * np.cos(angles), 0.02 * np.cos(9 * angles)
]
names, kinds = zip(
    *[(f"S{i}_D{i} {kind}", kind) for i in range(1, 17) for kind in ("hbo", "hbr")],
    strict=True,
)
info = mne.create_info(list(names), 4.0, list(kinds))
for number, channel in enumerate(info["chs"]):
    middle = midpoints[number // 2]
    step = np.array([0.01, 0.0, 0.01])
    channel["loc"][:9] = np.r_[middle, middle - step, middle + step]

times = np.arange(-4, 40) / 4.0
bump = np.where(times > 0, np.clip(times, 0, None) ** 5 * np.exp(-times) / 21.0, 0.0)
optical_mix = np.repeat(rng.standard_normal((10, 16)), 2, axis=1)
optical_mix *= np.tile([1.0, -0.4], 16)


def record(table):
    """Return fNIRS epochs, in mol/l as MNE-Python has it."""
    shown = features.index.get_indexer(table["image"])
    signal = (latent[shown] @ optical_mix)[:, :, None] * bump
    noise = rng.standard_normal(signal.shape)
    return mne.EpochsArray(
        1e-6 * (signal + 3 * noise), info, tmin=-1.0, metadata=table, verbose=False
    )


optical_train, optical_test = record(train_table), record(test_table)
optical = mne_brainae.fit(optical_train, features, recipe="linear", random_state=0)
evoked = optical.predict_evoked(features.loc[shown[:1]])
fig = evoked.plot_topomap(times=[2.5, 5.0, 7.5], ch_type="hbo", extrapolate="local")
fig.suptitle("predicted oxyhemoglobin after one new image")

# %%

optical_scores = optical.score_encoding(
    optical_test, features, n_bootstraps=0, random_state=0
)
optical_scores.plot()
found = optical.retrieve(
    mne_brainae.average_repetitions(optical_test), features.loc[shown]
)
print(f"fNIRS: top-1 of {len(shown)} {found.top_k():.2f}, chance {found.chance():.3f}")


# %%
# What to read next
# -----------------
#
# * :ref:`tut-own-data`: what metadata need.
# * :doc:`/guide/expectations`: how many images a model needs.
# * :ref:`tut-neurons`: real responses of one sample per image.
