"""
.. _quickstart:

==================================================
Quick start: encoding, decoding and reconstruction
==================================================

One model does three tasks. It predicts the brain response to an image (*encoding*),
finds the image that evoked a response (*decoding*) and completes a partial recording
(*reconstruction*). This tutorial does each of them once.

.. important::

   The recording below is **simulated**: the package draws the images and computes the
   EEG from them. It shows how to use the package and what the scores mean. It is not
   evidence about brains, and its scores say nothing about a real recording.
"""

# License: BSD-3-Clause

# %%
# A recording
# -----------
#
# All that the package asks of a recording is an :class:`mne.Epochs` whose metadata name
# the image in a column ``"image"``. A column ``"concept"`` (what is in the image)
# lets the model validate on whole concepts and lets you classify.
#
# :func:`mne_brainae.datasets.simulate` returns training and test epochs. The test
# concepts are not among the training concepts, so that no response below was seen in
# training. The settings are smaller than the defaults, to be quick.

import tempfile
from pathlib import Path

import numpy as np

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=30,
    n_exemplars=6,
    n_templates=4,
    n_test_repetitions=10,
    snr=0.1,
    random_state=0,
)
data

# %%
# One row of the metadata describes one trial. Pairing is by this name and never by
# position, so epochs may come in any order and may be dropped.

data.train.metadata.head()

# %%
# Fit
# ---
#
# :func:`mne_brainae.fit` takes the epochs and the folder of images. By default it
# solves for a linear model in closed form and then trains an autoencoder that starts
# from it, where training helps on images that were held out.
#
# ``fit`` never sees test data: not for the weights, not for any choice, not for the
# scaling.

model = mne_brainae.fit(data.train, data.images, random_state=0, verbose="WARNING")
model

# %%
# ``selection_`` says in words how the model was chosen. The *slope* in it is the part
# of the prediction that holds for images that were held out: near 1 is good, and near 0
# means that the responses do not follow the images (:doc:`/guide/expectations`).

print(model.selection_)

# %%
# Encoding: from an image to the brain
# ------------------------------------
#
# The prediction is an :class:`mne.Evoked` in volts, so everything that MNE-Python can
# do with an Evoked works. We take an image that the model has never seen.

measured = mne_brainae.average_repetitions(data.test)
name = measured.metadata["image"].iloc[0]
image = data.images / name

predicted = model.predict_evoked(image)
predicted.plot_topomap(times=[0.1, 0.2, 0.3])

# %%
# How good is it? A score is compared with two others. The *mean response* is the same
# for every image, so a model has to improve on it. The *noise ceiling* is what a
# perfect model would reach with so many repetitions.
#
# ``r_images`` correlates over images, for every channel and time; the mean response
# scores zero there by construction. ``r_pattern`` correlates over channels and times,
# for every image; it is high for the mean response as well, because all images
# evoke similar responses. Read the two columns together.

scores = model.score_encoding(data.test, data.images, n_splits=20, random_state=0)
print(scores)

# %%
# The score of every channel and time is an Evoked, too: where and when is the response
# predictable?

scores.r_map.plot_topomap(times=[0.1, 0.2, 0.3], scalings=1, units="r")

# %%
# Since this recording is simulated, the true ceiling is known. For ``r_pattern`` it may
# be compared with the estimate from split halves in the table above; for ``r_images``
# it is the mean over those channels and times only where images make a difference.

data.noise_ceiling

# %%
# Decoding: from the brain to an image
# ------------------------------------
#
# Retrieval asks which image of a gallery was seen. The gallery here are all test
# images, and the responses are averaged over repetitions, which makes the task easier
# than single trials. The result prints its whole protocol, without which accuracies of
# two studies cannot be compared.

found = model.retrieve(measured, data.images)
print(found)

# %%
# Similarity is the cosine in the shared space, as in the paper. The *likelihood* of the
# response around the image's embedding takes into account which directions are noisy,
# as ``fit`` learned them.

print(model.retrieve(measured, data.images, similarity="likelihood"))

# %%
# In the simulation we know how well the best possible decoder would do.

print(f"best possible: top-1 {data.best_top1:.2f}, top-5 {data.best_top5:.2f}")
print(f"model:         top-1 {found.top_k(1):.2f}, top-5 {found.top_k(5):.2f}")
print(f"chance:        top-1 {found.chance(1):.2f}, top-5 {found.chance(5):.2f}")

# %%
found.plot()

# %%
# The images that were seen, and the first five guesses for each, with their
# probabilities. Guesses that are right have a frame.

likely = model.retrieve(measured, data.images, similarity="likelihood")
likely.plot_gallery(n_epochs=5)

# %%
# Classification asks which *concept* was seen. Every concept is described by templates:
# other images of it, never the one that was shown. Templates that contain a test
# image are refused, since classification would then be retrieval under another name.

named = model.classify(measured, data.templates)
named.to_data_frame().head()

# %%
# Reconstruction: from a part of the brain to all of it
# -----------------------------------------------------
#
# We remove half of the channels of every epoch. What is missing is NaN. The model
# embeds the rest and fills in what is missing.

masked = mne_brainae.mask_epochs(measured, kind="spatial", ratio=0.5, random_state=0)
rebuilt = model.reconstruct(masked)

missing = np.isnan(masked.get_data())
mean = model.evoked_.data
r = np.corrcoef(
    (measured.get_data() - mean)[missing], (rebuilt.get_data() - mean)[missing]
)[0, 1]
print(f"r of the missing half with its reconstruction: {r:.2f}")

# %%
# The mean response is subtracted before correlating, so that predicting it for every
# image would score zero.
#
# Other recipes
# -------------
#
# ``recipe="linear"`` is the closed form alone, in seconds. ``recipe="paper"`` trains
# the network of the paper from random weights; :ref:`tut-backbones` explains training.

linear = mne_brainae.fit(
    data.train, data.images, recipe="linear", random_state=0, verbose="WARNING"
)
for recipe, system in {"best": model, "linear": linear}.items():
    r = system.score(data.test, data.images)
    top_1 = system.retrieve(measured, data.images).top_k(1)
    print(f"{recipe:6}: encoding r_images {r:.2f}, retrieval top-1 {top_1:.2f}")

# %%
# Save and read
# -------------
#
# A model is one safetensors file without code, so that reading a file of somebody else
# is safe.

with tempfile.TemporaryDirectory() as folder:
    fname = Path(folder) / "sub-01_brainae.safetensors"
    model.save(fname)
    same = mne_brainae.read_brainae(fname)

np.testing.assert_allclose(
    same.predict_evoked(image).data, predicted.data, rtol=1e-4, atol=1e-9
)

# %%
# What to read next
# -----------------
#
# With your own recording:
#
# * :ref:`tut-own-data`: from a recording, or a BIDS data set, to a fit.
# * :doc:`/guide/expectations`: what to expect of your number of images.
# * :ref:`image-features`: which description of the images to give to the model.
#
# What you can do with it:
#
# * :ref:`tut-encoding`: predictions, in time, space and frequency.
# * :ref:`decoding`: identification, and when and where it comes from.
# * :ref:`tut-subjects`: many subjects in one space, and a newcomer from few images.
# * :ref:`in-silico`: bands, single trials from the model, images for an experiment.
# * :ref:`rsa`: which images evoke similar responses.
# * :ref:`tut-masking`: missing data.
# * :ref:`tut-consistency`: whether encoding and decoding rely on the same signals.
# * :ref:`generation`: new pictures.
# * :ref:`tut-fmri`: volumes in place of sensors, and hemoglobin.
# * :ref:`tut-live`: answers while a recording runs.
#
# How it works, and real recordings:
#
# * :ref:`tut-backbones`: training, and other networks, losses and temperatures.
# * :ref:`tut-neurons`: the same on real neurons.
# * :ref:`tut-things-eeg2`: from the download of THINGS-EEG2 to the paper's Table 1.
# * :doc:`/protocol`: which choices change a score, and which ones this package makes.
# * :doc:`/api`: everything that is public.
# * :doc:`/architecture`: how the package is built, and how to add an encoder.
