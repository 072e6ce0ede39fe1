"""
.. _in-silico:

======================================
Bands, and an experiment in the model
======================================

A prediction without its uncertainty invites too much trust. This tutorial draws bands
around predicted responses and checks them on measured ones, draws single trials from a
fitted model, analyzes them with MNE-Python as if they had been recorded, and lets the
model choose the images of the next experiment.

.. important::

   The recording below is **simulated**. What it shows about times and channels is what
   the simulation put there, and no evidence about brains.
"""

# License: BSD-3-Clause

# %%
# A model that keeps the noise
# ----------------------------
#
# Single trials need the noise of trials. With ``keep_noise=True`` the model and its
# file hold that of at most 4,096 training trials, and the log says how large that makes
# them.

import mne
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=40,
    n_exemplars=4,
    n_templates=0,
    n_test_repetitions=10,
    snr=0.1,
    random_state=0,
)
features = mne_brainae.compute_image_features(data.images, "gabor")
model = mne_brainae.fit(
    data.train, features, recipe="linear", keep_noise=True, random_state=0
)
shown = list(dict.fromkeys(data.test.metadata["image"]))
gallery = features.loc[shown]

# %%
# A band around a prediction
# --------------------------
#
# ``interval=0.9`` asks for the band in which nine of ten responses lie, at every
# channel and time. Without ``n_averaged`` it is that of the response itself, which no
# recording shows; with it, that of a mean of so many trials. Each end is an Evoked.

band = model.predict_evoked(gallery[:1], interval=0.9, n_averaged=10)
band.plot("Oz")

# %%
# The recording says whether the bands hold. They do at every channel and time by
# itself; a whole time course leaves its band somewhere more often.

coverage = mne_brainae.score_coverage(model, data.test, features)
coverage.plot()
print(coverage.table)

# %%
# Single trials in silico
# -----------------------
#
# :meth:`~mne_brainae.LinearBrainAE.sample_epochs` returns Epochs: the prediction and
# noise that is a random sum of that of training trials. They have the covariance and
# the spectrum of the recording.

two = [shown[0], shown[1]]
trials = model.sample_epochs(gallery.loc[two], 40, random_state=0)
measured = data.test[data.test.metadata["image"].isin(two).to_numpy()]
for name, epochs in (("drawn", trials), ("measured", measured)):
    power = epochs.compute_psd(fmax=40, verbose=False).average()
    print(f"{name}: alpha {1e12 * power.get_data(fmin=8, fmax=12).mean():.2f} uV2/Hz")

# %%
# Every analysis of MNE-Python takes them. In how many trials could a decoder tell two
# images apart? The accuracies below are those of an experiment that was never recorded.

labels = (trials.metadata["image"] == two[0]).to_numpy()
decoder = make_pipeline(
    mne.decoding.Scaler(trials.info), mne.decoding.Vectorizer(), LogisticRegression()
)
for n_trials in (10, 40):
    some = (trials.metadata["repetition"] <= n_trials).to_numpy()
    accuracy = cross_val_score(decoder, trials.get_data()[some], labels[some], cv=5)
    print(f"{n_trials} trials of each: accuracy {accuracy.mean():.2f} (chance 0.50)")

# %%
# .. note::
#
#    What such an experiment finds is what the model believes. A difference that the
#    features do not describe is not in the trials.
#
# None of these
# -------------
#
# A gallery need not hold the image that was shown. With ``none=True`` there is a
# further candidate for all other images, with its probability.

means = mne_brainae.average_repetitions(data.test)
found = model.retrieve(means, gallery[::2], similarity="likelihood", none=True)
p_none = found.probabilities["none of these"]
is_known = means.metadata["image"].isin(gallery.index[::2]).to_numpy()
for name, rows in (("in the gallery", is_known), ("not in it", ~is_known)):
    print(f"{name}: p(none of these) {p_none[rows].mean():.2f}")

# %%
# Which images to show
# --------------------
#
# Among many images, a few serve an experiment best: those that evoke the most of a
# contrast, here the back of the head around 120 ms, or those whose responses differ
# most from one another. :func:`mne_brainae.find_images` reads tables of millions of
# features block by block.

contrast = model.evoked_.copy()
contrast.data[:] = (contrast.times > 0.1) & (contrast.times < 0.14)
contrast.data[[not name.startswith("O") for name in contrast.ch_names]] = 0
print(mne_brainae.find_images(model, gallery, contrast, 5))
print(mne_brainae.find_images(model, gallery, "different", 5))

# %%
# Which features explain which time
# ---------------------------------
#
# Where features come in groups, such as the layers of a network, banded ridge
# regression says what each explains of held-out responses, and when. Here the groups
# are the two halves of the Gabor features.

halves = np.array_split(features.columns, 2)
shares = mne_brainae.share_variance(
    data.test,
    features,
    {"first half": halves[0], "second half": halves[1]},
    n_draws=4,
    picks=["O1", "Oz", "O2"],
    random_state=0,
)
shares.plot()

# %%
# What to read next
# -----------------
#
# * :ref:`decoding`: identification, and when and where it comes from.
# * :doc:`/guide/expectations`: how many images and repetitions are needed.
# * :doc:`/guide/concepts`: where bands and probabilities come from.
