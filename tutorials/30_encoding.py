"""
.. _tut-encoding:

====================================================
Encoding: how well is the brain's response predicted
====================================================

A model that predicts responses to images it has never seen can be judged in many ways.
This tutorial scores a model in time, space and frequency, beside the mean response
(which is the same for every image) and beside the noise ceiling (the score of a perfect
model).

.. important::

   The recording below is **simulated**. It shows what the scores mean, and how to
   compute them; it is no evidence about brains.
"""

# License: BSD-3-Clause

# %%
# A recording and two models
# --------------------------
#
# ``recipe="linear"`` is the closed form of the linear BrainAE.
# :class:`mne_brainae.LinearEncodingModel` is what most encoding studies use: a
# regression from image features to every channel and time. It has the same methods, so
# that both are fitted, used and scored alike.

import pandas as pd

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=80,
    n_test_concepts=40,
    n_exemplars=6,
    n_templates=2,
    n_test_repetitions=10,
    snr=0.3,
    random_state=0,
    verbose="WARNING",
)
images = mne_brainae.compute_image_features(data.images, verbose="WARNING")

quiet = {"random_state": 0, "verbose": "WARNING"}
model = mne_brainae.fit(data.train, images, recipe="linear", **quiet)
linear = mne_brainae.LinearEncodingModel(**quiet).fit(data.train, images)
print(model)
print(linear)

# %%
# Scores
# ------
#
# :func:`mne_brainae.score_encoding` takes single trials of the test images, since it
# splits the repetitions into halves, and one predicted epoch per image.
# ``model.score_encoding(data.test, images)`` does both steps in one call.
#
# * ``r_pattern`` and ``mse`` are the paper's: over channels and times, per image.
#   Look at the second row before you admire the first: the mean response does well.
# * ``r_images`` is per channel and time, over images. The mean response scores zero.
# * ``r_half`` is the same against half of the repetitions, as Gifford et al. (2022)
#   report it, with their bounds of the ceiling.
#
# In brackets are 95 % confidence intervals from drawing the images again.

predicted = model.predict_epochs(images, like=data.test)
scores = mne_brainae.score_encoding(
    data.test, predicted, model.evoked_, n_splits=50, random_state=0, verbose="WARNING"
)
print(scores)

# %%
# Over time, beside the ceiling. Lines are means over channels, areas are quartiles of
# channels. Before the images do anything, both are around zero.

scores.plot()

# %%
# The score of every channel and time is an :class:`mne.Evoked`, so MNE-Python can draw
# it.

scores.r_map.plot_topomap([0.1, 0.2, 0.3], scalings=1, units="r", vlim=(-1, 1))

# %%
# The paper scores visual channels on their own.
# :func:`mne_brainae.channel_regions` reads regions from the names of the channels.

regions = mne_brainae.channel_regions(predicted.info)
visual = mne_brainae.score_encoding(
    data.test,
    predicted,
    model.evoked_,
    picks=regions["visual"],
    n_bootstraps=0,
    random_state=0,
    verbose="WARNING",
)
print(f"{visual.protocol['channels']} channels")
print(visual.table.loc[["prediction", "mean response", "noise ceiling"]])

# %%
# And the linear encoding model, on the same features:

beside = linear.score_encoding(data.test, images, n_bootstraps=0, random_state=0)
systems = {"LinearBrainAE": scores, "LinearEncodingModel": beside}
pd.DataFrame({name: these.table.loc["prediction"] for name, these in systems.items()})

# %%
# Which of several systems is better is a question about subjects.
# :func:`mne_brainae.compare_subjects` takes a table of one score per subject and system
# and tests the differences; it refuses fewer than six subjects. The four systems of
# Table 1 of the paper come from :func:`mne_brainae.encoding_systems`.
#
# Time, space and frequency
# -------------------------
#
# Does the prediction *look like* a response? Figure 2 of the paper compares time
# courses of regions, the power in five rhythms over the head, the correlation between
# channels, and the phase lag between them. :func:`mne_brainae.score_similarity`
# computes all of it, and a correlation for each, for the prediction and for the mean
# response. Bands that the window of 0.8 s cannot hold are left out, and named.

parts = {name: regions[name] for name in ("occipital", "temporal", "parietal")}
similarity = mne_brainae.score_similarity(
    data.test, predicted, model.evoked_, regions=parts, verbose="WARNING"
)
print(similarity)

# %%
# (a) Time courses, mean over images:

similarity.plot_time_courses()

# %%
# (b) Power. The two maps of a band share their color bar.

similarity.plot_power()

# %%
# (c) Correlation between channels:

similarity.plot_correlation()

# %%
# (d) Phase lag between channels, and its largest values on a circle. Phase lags ignore
# amplitude, so they are the first to suffer where a band holds more noise than signal.

similarity.plot_phase_lag("alpha")

# %%

similarity.plot_circle("alpha", n_lines=30)

# %%
# Since the recording is simulated, there is a truth without noise to compare with.

truth = mne_brainae.score_similarity(
    data.truth, predicted, model.evoked_, regions=parts, verbose="WARNING"
)
pd.concat({"measured": similarity.table, "truth": truth.table}, axis=1).round(2)

# %%
# All on one page
# ---------------
#
# :func:`mne_brainae.make_report` puts all of this on one page, with retrieval, protocol
# and versions; ``make_report(model, data.test, images).save("report.html")`` writes it,
# and so does ``mne_brainae report`` on the command line. On real recordings,
# ``mne_brainae benchmark encoding macaque-v4`` (or ``macaque-it``, ``muse-n170``)
# compares BrainAE with linear encoding models.

# %%
# What to read next
# -----------------
#
# * :ref:`decoding`: the way back, from responses to images.
# * :ref:`tut-consistency`: whether encoding and decoding rely on the same signals.
# * :doc:`/protocol`: every score, and what it is compared with.
