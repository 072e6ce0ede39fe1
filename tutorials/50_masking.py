"""
.. _tut-masking:

================================================
Reconstruction: from a part of a response to all
================================================

Channels may be bad, samples may contain artifacts, and a cap may have fewer sensors. A
model that has learned usual responses can fill in what is missing: it maps the rest
into the shared space, and decodes the whole response from there. This tutorial removes
parts of a recording, reconstructs them, and scores the result beside two simple
methods. It ends with advice on when to use a reconstruction.

.. important::

   The recording below is **simulated**. It shows how to mask, reconstruct and score;
   which method is best on your recording, you have to measure.
"""

# License: BSD-3-Clause

# %%
# A fitted model
# --------------
#
# ``recipe="linear"`` is the closed form. It needs nothing but training epochs and
# images, without missing data.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import mne_brainae

quiet = {"verbose": "WARNING"}
data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=40,
    n_exemplars=5,
    n_templates=1,
    n_test_repetitions=12,
    snr=0.2,
    random_state=0,
    **quiet,
)
features = mne_brainae.compute_image_features(data.images, **quiet)
model = mne_brainae.fit(data.train, features, recipe="linear", random_state=0, **quiet)
measured = mne_brainae.average_repetitions(data.test)
measured

# %%
# Four ways to lose data
# ----------------------
#
# In a masked recording, what is missing is NaN. :func:`mne_brainae.mask_epochs` draws
# four kinds of masks, the same as in Figure 4a of the paper:
#
# * ``"random"``: stretches of single channels, as artifacts and rejection leave them;
# * ``"spatial"``: whole channels, as with broken electrodes or a smaller cap;
# * ``"temporal"``: stretches of all channels, as with blinks;
# * ``"forecast"``: the end of the window.
#
# ``ratio`` is the share that is missing, and ``block_length`` the length of a stretch
# in seconds. All but the last are drawn anew for every epoch. Gray below is missing.

kinds = ("random", "spatial", "temporal", "forecast")
masked = {
    kind: mne_brainae.mask_epochs(measured, kind, 0.5, random_state=0) for kind in kinds
}
whole = 1e6 * measured.get_data()[0]
limit = np.abs(whole).max()
colors = plt.get_cmap("RdBu_r").with_extremes(bad="0.7")
look = {"aspect": "auto", "cmap": colors, "vmin": -limit, "vmax": limit}
look["extent"] = (measured.times[0], measured.times[-1], len(whole), 0)

fig, axes = plt.subplots(1, 5, figsize=(11, 3), sharey=True, layout="constrained")
for ax, (kind, part) in zip(axes, {"whole": measured, **masked}.items(), strict=True):
    image = ax.imshow(1e6 * part.get_data()[0], **look)
    ax.axvline(0, color="k", linewidth=0.8)
    ax.set(title=kind, xlabel="time (s)")
axes[0].set_ylabel("channel")
fig.colorbar(image, ax=axes, label="µV")

# %%
# Instead of a kind, ``mask_epochs`` takes a mask of your own, True where data are to be
# missing. And where your recording has gaps, you need no mask at all: set the samples
# to NaN, for instance those of a channel that was bad in one session.
#
# Reconstructing
# --------------
#
# :meth:`mne_brainae.BrainAE.reconstruct` takes epochs with NaN and returns whole ones,
# in volts. What was observed stays as it was; ``keep_observed=False`` predicts it as
# well, which shows what the shared space holds of it.

rebuilt = {kind: model.reconstruct(part) for kind, part in masked.items()}

fig, axes = plt.subplots(1, 5, figsize=(11, 3), sharey=True, layout="constrained")
for ax, (kind, part) in zip(axes, {"whole": measured, **rebuilt}.items(), strict=True):
    image = ax.imshow(1e6 * part.get_data()[0], **look)
    ax.axvline(0, color="k", linewidth=0.8)
    ax.set(title=kind, xlabel="time (s)")
axes[0].set_ylabel("channel")
fig.colorbar(image, ax=axes, label="µV")

# %%
# The panels look similar, but so do the responses to all images. Here is one channel
# that is missing under the spatial mask, with what the model makes of it, and with the
# mean response of the training, which knows nothing of this image.

missing = np.isnan(masked["spatial"].get_data())
occipital = mne_brainae.channel_regions(measured.info)["occipital"]
channel = next(
    name for name in occipital if missing[0, measured.ch_names.index(name)].all()
)
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for label, part in {
    "measured, hidden from the model": measured[0].average(),
    "reconstructed": rebuilt["spatial"][0].average(),
    "mean response": model.evoked_,
}.items():
    ax.plot(part.times, 1e6 * part.copy().pick(channel).data[0], label=label)
ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
ax.set(xlabel="time (s)", ylabel="µV", title=f"{channel}, one image")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# How good is it, beside simple methods?
# --------------------------------------
#
# :func:`mne_brainae.score_reconstruction` hides parts of responses that the model has
# never seen, and compares what comes back with the truth. Three systems see the same
# masks:
#
# * the *model*;
# * the *mean response* of the training, which ignores what is visible;
# * *probabilistic PCA* of the training responses: the missing entries as a Gaussian
#   with few components expects them, given the visible ones. It is the classic answer
#   to missing data, does not use images, and is a strong baseline.
#
# ``r_missing`` is the paper's correlation on the missing entries. ``skill`` is 1 - MSE
# / MSE of the mean response, there. It is 1 for the truth, 0 for the mean response, and
# negative for what is worse than the mean response.

scores = mne_brainae.score_reconstruction(
    model,
    measured,
    data.train,
    ratios=(0.1, 0.3, 0.5, 0.7, 0.9),
    random_state=0,
    **quiet,
)
half = scores.table[scores.table["ratio"] == 0.5]
half.pivot(index="system", columns="kind", values="r_missing")[list(kinds)].round(2)

# %%
# By correlation, the mean response does well, and so it says little. Skill is the
# column to look at:

half.pivot(index="system", columns="kind", values="skill")[list(kinds)].round(2)

# %%
scores.plot("skill")

# %%
# Read the panels by kind. Neighboring channels record much the same, so a missing one
# can be told from those that are left. A missing stretch of *all* channels has to be
# told from other times, which know less about it, and the end of the window has other
# times on one side only.
#
# Model and PCA are relatives: both complete responses by what goes together in
# the training. ``recipe="linear"`` first fills gaps in its input by such components
# (``imputation="gaussian"``) and then passes the result through the shared space, which
# keeps what images can explain. That throws away noise, which is welcome in a score
# against the truth, and all activity that has nothing to do with images, which is not
# if you want *this* trial back. PCA keeps it.
#
# Does the reconstruction depend on the image?
# --------------------------------------------
#
# A reconstruction may be close to the truth and still say nothing of the image. The
# harder test is to decode it. ``identify`` is any function from epochs to a retrieval.


def identify(epochs):
    """Find the images of any epochs among all test images."""
    gallery = features.loc[measured.metadata["image"]]
    return model.retrieve(epochs, gallery, similarity="likelihood")


decoded = mne_brainae.score_reconstruction(
    model,
    measured,
    data.train,
    kinds=("spatial", "temporal"),
    ratios=(0.25, 0.5, 0.75),
    identify=identify,
    random_state=0,
    **quiet,
)
found = identify(measured)
print(f"whole responses: top-1 {found.top_k():.2f}, chance {found.chance():.2f}")
table = decoded.table[decoded.table["system"] != "mean response"]
table.pivot(index="system", columns=["kind", "ratio"], values="top_1").round(2)

# %%
# When to use it
# --------------
#
# * **To fill a few bad channels** before an analysis that needs all of them, such as
#   decoding with a model that was fitted on the whole cap: yes, if ``skill`` on *your*
#   held-out epochs is well above zero. MNE-Python's ``epochs.interpolate_bads()`` fills
#   channels from their positions; try both.
# * **As data** in a test of a hypothesis: no. What comes back is what training
#   responses make likely, so it has less variance than a measurement, and it will show
#   the effects that the training showed. Count reconstructed samples as missing in your
#   statistics.
# * **With another subject, montage or paradigm** than in the training: no; the model
#   has never seen how their responses go together.
# * **To predict from an early part of the response**: only as far as the forecast panel
#   is above zero.
#
# In numbers, for every kind and ratio: the skill of the model, and its lead over PCA.

skill = scores.table.pivot(index=["kind", "ratio"], columns="system", values="skill")
pd.DataFrame(
    {
        "skill of the model": skill["model"],
        "lead over PCA": skill["model"] - skill["probabilistic PCA"],
    }
).round(2).unstack("ratio").loc[list(kinds)]

# %%
# What to read next
# -----------------
#
# * :ref:`decoding`: hiding parts to learn *which* parts tell the images apart.
# * :ref:`tut-encoding`: predicting a response without seeing any of it.
# * :doc:`/protocol`: how reconstructions are scored, and what the paper reports.
