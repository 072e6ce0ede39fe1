"""
.. _tut-consistency:

====================================
Consistency of encoding and decoding
====================================

One model encodes and decodes. Encoding predicts the response at every channel and time;
decoding finds the image from all of them together. Are the channels and times that are
predicted best also those that decoding relies on? Figures 3e and 3f of the paper
ask this, over channels and over times. The answer is one scatter plot and one
correlation each. This tutorial makes both, and then asks what a high correlation does
*not* show.

.. important::

   The recording below is **simulated**. Where and when it holds information about
   images is what the simulation put there, and no evidence about brains.
"""

# License: BSD-3-Clause

# %%
# One model, both directions
# --------------------------
#
# ``recipe="linear"`` is fitted in seconds. The test concepts are new to it.

import matplotlib.pyplot as plt
import mne
import numpy as np
from scipy.stats import pearsonr

import mne_brainae

quiet = {"verbose": "WARNING"}
data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=80,
    n_exemplars=5,
    n_templates=1,
    n_test_repetitions=8,
    snr=0.1,
    random_state=0,
    **quiet,
)
features = mne_brainae.compute_image_features(data.images, **quiet)
model = mne_brainae.fit(data.train, features, recipe="linear", random_state=0, **quiet)
gallery = features.loc[data.test.metadata["image"].unique()]

# %%
# Encoding: a score for every channel and time
# --------------------------------------------
#
# ``r_map`` is Pearson's correlation over images of predicted and measured responses.
# The mean response scores zero in it, so it counts only what is specific to images.
# It is an :class:`mne.Evoked`, and MNE-Python draws it.

scores = model.score_encoding(data.test, gallery, n_splits=20, random_state=0)
scores.r_map.plot_joint(
    times=[0.1, 0.17, 0.3],
    title="encoding: r over images",
    ts_args={"scalings": {"eeg": 1}, "units": {"eeg": "r"}},
    topomap_args={"scalings": {"eeg": 1}},
)

# %%
# Decoding: what is lost without a part
# -------------------------------------
#
# Decoding has no score per channel, since it uses all of them at once. So we hide one
# part after another, by putting the mean training response in its place, and see how
# many images are no longer found. The model stays as it was fitted.
#
# One channel of many changes little, and what it changes can be counted only if there
# is much to count. So we decode single trials here, and let the right image be among
# the best five.


def identify(epochs):
    """Find the images of any epochs among all test images."""
    return model.retrieve(epochs, gallery, similarity="likelihood")


by_channel = mne_brainae.occlude_channels(
    identify, data.test, model.evoked_, k=5, **quiet
)
print(by_channel)
by_channel.plot()

# %%
# Over times it is the same with windows of 50 ms. Windows have no overlap, so that none
# of them counts twice.

by_window = mne_brainae.occlude_times(
    identify, data.test, model.evoked_, window=0.05, k=5, **quiet
)
by_window.plot()

# %%
# Over channels (Figure 3e)
# -------------------------
#
# Every point is a channel: its encoding score, averaged over times, against the
# accuracy that is lost when it is hidden.

over_channels = mne_brainae.score_consistency(scores.r_map, by_channel)
over_channels.plot()

# %%
# Over times (Figure 3f)
# ----------------------
#
# Every point is a window, with the encoding score averaged over channels.

over_times = mne_brainae.score_consistency(scores.r_map, by_window)
over_times.plot()

# %%
# Both results are tables, too.

over_times.table.round(3)

# %%
# What the p-value assumes
# ------------------------
#
# The p-value in the title assumes independent points. Neighboring channels record the
# same sources and neighboring windows the same deflection, so that there are fewer
# independent points, and the p-value is too small. A permutation that keeps the
# neighborhood is fairer. Over time, the one course can be shifted in a circle against
# the other: each keeps its smoothness, and only their relation is lost.

table = over_times.table
shifts = [
    pearsonr(table["encoding"], np.roll(table["decoding"], shift))[0]
    for shift in range(1, len(table))
]
p_shift = (1 + np.sum(np.array(shifts) >= over_times.r)) / len(table)
print(f"r = {over_times.r:.2f}, p taken for independent = {over_times.p:.1g}")
print(f"shifted in a circle: r up to {max(shifts):.2f}, p = {p_shift:.2g}")

# %%
# With so few windows the second p cannot be smaller than one over their number. It is
# better to compute ``r`` for every subject, and to test these values over subjects, for
# example by ``scipy.stats.wilcoxon``.
#
# Why channels and times may disagree
# -----------------------------------
#
# Encoding looks at one channel at a time, decoding at all together. Two things follow.
#
# *A channel may be predicted well and not be needed*: its neighbors record the same
# sources. Hiding a channel together with its neighbors removes all of them.
#
# *A channel may be needed, and not be predicted*: one that records mostly noise allows
# a decoder to subtract this noise from the others. The likelihood does so, since it
# knows how the noise of channels is correlated. This is why the weights of a decoder do
# not show where information is.
#
# We can test the first. ``regions`` takes any groups of channels; here each is a
# channel with its neighbors, named after the channel in the middle.

adjacency, ch_names = mne.channels.find_ch_adjacency(model.evoked_.info, "eeg")
neighbors = {
    name: [ch_names[i] for i in row.indices]  # the channel itself is among them
    for name, row in zip(ch_names, adjacency.tocsr(), strict=True)
}
by_patch = mne_brainae.occlude_channels(
    identify, data.test, model.evoked_, regions=neighbors, k=5, **quiet
)
lost = -by_patch.table.set_index("part")["change"]
predicted = over_channels.table["encoding"].reindex(lost.index)

fig, ax = plt.subplots(layout="constrained")
ax.plot(predicted, 100 * lost, "o")
ax.axhline(0, color="0.5", linestyle="--", linewidth=0.8)
ax.set(
    xlabel="encoding: r over images",
    ylabel="decoding: accuracy lost without channel and neighbors (%)",
)
print(f"alone: r = {over_channels.r:.2f}")
print(f"with neighbors: r = {pearsonr(predicted, lost)[0]:.2f}")
print(
    f"largest loss: {100 * over_channels.table['decoding'].max():.1f} % alone, "
    f"{100 * lost.max():.1f} % with neighbors"
)

# %%
# What a high correlation does not show
# -------------------------------------
#
# Where there is more signal, any system predicts better and any system reads better. So
# part of the consistency belongs to the recording and not to the model. The noise
# ceiling says how much signal there is, and does not depend on any model. Where it
# correlates with both, as over times here, consistency is expected.

half_a_sample = 0.5 / scores.ceiling_map.info["sfreq"]
edges = [*by_window.table["tmin"], by_window.table["tmax"].iloc[-1]]
window = np.digitize(scores.ceiling_map.times + half_a_sample, edges) - 1
ceiling = scores.ceiling_map.data.mean(axis=0)
course = [ceiling[window == i].mean() for i in range(len(by_window.table))]
for name, column in over_times.table.items():
    print(
        f"noise ceiling and {name}, over times: r = {pearsonr(course, column)[0]:.2f}"
    )

# %%
# What to read next
# -----------------
#
# * :ref:`decoding`: more ways to hide parts, with tests.
# * :ref:`rsa`: another comparison of brain and model, which needs no common units.
# * :doc:`/protocol`: what is tested, and what is taken for independent.
