"""
.. _decoding:

=========================================
Decoding: which image, and when and where
=========================================

The quick start found images from responses in one line. This tutorial asks what the
accuracy is worth, what it would be with another gallery or fewer repetitions, which
concepts are confused, and which times and channels tell the images apart.

.. important::

   The recording below is **simulated**. What it shows about times and channels is what
   the simulation put there, and no evidence about brains.
"""

# License: BSD-3-Clause

# %%
# A fitted model
# --------------
#
# Features of the gallery are computed once, since every analysis below needs them.

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=80,
    n_exemplars=5,
    n_templates=2,
    n_test_repetitions=12,
    snr=0.1,
    random_state=0,
)
features = mne_brainae.compute_image_features(data.images, "gabor")
model = mne_brainae.fit(
    data.train,
    data.images,
    image_encoder="gabor",
    recipe="linear",
    random_state=0,
    verbose="WARNING",
)
measured = mne_brainae.average_repetitions(data.test)
shown = measured.metadata.set_index("image")
gallery = features.loc[shown.index]

# %%
# One accuracy, and what it is worth
# ----------------------------------
#
# An accuracy comes with the chance level, a confidence interval and a test. The
# interval is Wilson's and the test is binomial; both count epochs as independent, so
# average the repetitions of an image first.

found = model.retrieve(measured, gallery, similarity="likelihood")
found.scores((1, 5, 10))

# %%
# The whole protocol is part of the result.

print(found)

# %%
# Galleries of another size
# -------------------------
#
# Accuracies among galleries of different size cannot be compared. ``n_way`` gives what
# the accuracy would be among fewer candidates: the mean over all smaller galleries,
# computed exactly from the ranks, without drawing any. A gallery may also be large:
# similarities are computed in blocks and never held all at once.

for n_way in (2, 10, 50, 80):
    accuracy, chance = found.top_k(n_way=n_way), found.chance(n_way=n_way)
    print(f"among {n_way:2} candidates: {accuracy:.2f} (chance {chance:.2f})")

# %%
# What is confused with what
# --------------------------
#
# There are many images and few categories. Any grouping of the candidates will do; here
# it is the category in the metadata. The confusion looks at the best candidate of every
# response, right or wrong.

category = shown["category"].to_dict()
found.plot_confusion(category)

# %%
found.accuracy_by(category)

# %%
# Classification is scored in the same way. Its candidates are concepts, described by
# images that were never shown.

named = model.classify(measured, data.templates, similarity="likelihood")
named.scores()

# %%
# How many repetitions does it take?
# ----------------------------------
#
# Averages over more repetitions are easier to decode, which is why an accuracy without
# the number of repetitions means little. Repetitions are drawn at random and averaged.


def identify(epochs):
    """Find the images of any epochs in the same gallery."""
    return model.retrieve(epochs, gallery, similarity="likelihood")


curve = mne_brainae.score_averages(identify, data.test, n_draws=3, random_state=0)
curve.plot()

# %%
print(curve)

# %%
# When: hiding times
# ------------------
#
# One window after another is replaced by the mean training response, which knows
# nothing of the image. The model stays as it is. Where accuracy falls, the window
# told the model something that no other window told it. Filled points differ from the
# whole response; the p-values are corrected for the number of windows.

hidden = mne_brainae.occlude_times(identify, measured, model.evoked_, window=0.1)
hidden.plot()

# %%
# Showing more and more of the response answers another question: from when on is the
# image known? Before its onset, accuracy must not be above chance; if it is,
# something has leaked.

growing = mne_brainae.occlude_times(
    identify, measured, model.evoked_, kind="increasing", window=0.05
)
growing.plot()

# %%
# Where: hiding channels
# ----------------------
#
# Regions are read from the names of the channels.

regions = mne_brainae.channel_regions(measured.info)
by_region = mne_brainae.occlude_channels(
    identify, measured, model.evoked_, regions=regions
)
by_region.plot()

# %%
# Single channels matter less, as their neighbors know much the same. They are drawn
# over the head; ``by_channel.change_map`` has the same numbers as an Evoked.

by_channel = mne_brainae.occlude_channels(identify, measured, model.evoked_)
by_channel.plot()

# %%
# Is what is predicted best decoded from, too?
# --------------------------------------------
#
# One model predicts and decodes. The encoding score of a window can be compared with
# what decoding loses without it.

scores = model.score_encoding(data.test, gallery, n_splits=10, random_state=0)
consistency = mne_brainae.score_consistency(scores.r_map, hidden)
consistency.plot()

# %%
# Across sessions and subjects
# ----------------------------
#
# Training and test may be split by any column of the metadata. ``disjoint`` keeps
# images of the test out of the training; without it a model that has seen a test
# image says so in its protocol, and warns.

for train, test in mne_brainae.split_epochs(data.train, "concept", n_splits=3):
    part = mne_brainae.fit(
        train, features, recipe="linear", random_state=0, verbose="WARNING"
    )
    test = mne_brainae.average_repetitions(test)
    images = features.loc[test.metadata["image"]]
    result = part.retrieve(test, images, similarity="likelihood")
    print(
        f"{test.metadata['concept'].nunique()} unseen concepts: top-1 "
        f"{result.top_k():.2f}, chance {result.chance():.2f}"
    )

# %%
# What to read next
# -----------------
#
# * :ref:`rsa`: which images evoke similar responses.
# * :ref:`tut-consistency`: more on encoding and decoding together.
# * :doc:`/protocol`: chance, tests, and what they take for independent.
