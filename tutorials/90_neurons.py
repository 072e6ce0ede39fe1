"""
.. _tut-neurons:

===============================
Real neurons: macaque V4 and IT
===============================

The other tutorials simulate, so that a truth is known. Here are two real recordings:
neurons of area V4 that were shown photographs, and neurons of inferior temporal cortex
(IT) that were shown objects. Both are public and small, and the same functions work on
them. Spikes have no volts, no sensors on a head and, in V4, no time course; the
tutorial shows what changes.

.. note::

   Both recordings are small and downloaded at first use; ``MNE_BRAINAE_DATA`` names a
   folder that has them already. Where this page was built without them, its code is
   shown and was **not run**: there are then no numbers and no images below.
"""

# License: BSD-3-Clause

# %%
# V4: photographs and spike counts
# --------------------------------
#
# In this recording :cite:`CowleyEtAl2023` a monkey was shown 1,200 photographs. Of
# every photograph and neuron there is one number: the spikes within 100 ms, averaged
# over repetitions. So an epoch has one time. The metadata say where each photograph was
# unzipped, and then ``fit`` needs no folder.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import mne_brainae
from mne_brainae.datasets import macaque_it, macaque_v4

quiet = {"verbose": "WARNING"}
v4 = macaque_v4.read_epochs("210225", **quiet)
print(v4)
v4.metadata[["image", "session"]].head(3)

# %%
# Two hundred photographs are kept for the test. There is one response per photograph,
# so nothing is averaged, and there is no noise ceiling either: without repetitions
# it is not known how much of a response is noise.
#
# Features of all photographs are computed once. ``"gabor"`` is the classic model of
# early visual cortex and needs no weights.

order = np.random.default_rng(0).permutation(len(v4))
train, test = v4[order[200:]], v4[order[:200]]
paths = dict(v4.metadata[["image", "image_path"]].to_numpy())
features = mne_brainae.compute_image_features(paths, "gabor", **quiet)
unseen = features.loc[test.metadata["image"]]

model = mne_brainae.fit(train, features, recipe="linear", random_state=0, **quiet)
print(model)

# %%
# Encoding, neuron by neuron
# --------------------------
#
# With one time per epoch the score of a neuron is one correlation over photographs.
# Sorted bars say more than a map here.

scores = model.score_encoding(test, unseen, random_state=0)
r = pd.Series(scores.r_map.data[:, 0], scores.r_map.ch_names).sort_values()
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.bar(np.arange(len(r)), r)
ax.axhline(r.mean(), color="C1", label=f"mean, {r.mean():.2f}")
ax.axhline(0, color="0.5", linestyle="--", label="mean response")
ax.set(xlabel="neuron, sorted", ylabel="r over 200 photographs", title="macaque V4")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Decoding: which of 200 photographs?
# -----------------------------------

table = {}
for similarity in ("cosine", "encoding", "likelihood"):
    found = model.retrieve(test, unseen, similarity=similarity)
    table[similarity] = {**found.scores((1,)).iloc[0], "top-5": found.top_k(5)}
pd.DataFrame(table).T.map("{:.2g}".format)

# %%
# As a control, give every training photograph the features of another one, and fit
# again. The score must be at chance, and ``fit`` warns that the responses do not follow
# the images.

names = pd.Index(train.metadata["image"])
permuted = names[np.random.default_rng(1).permutation(len(names))]
wrong = features.copy()
wrong.loc[names] = features.loc[permuted].to_numpy()
control = mne_brainae.fit(train, wrong, recipe="linear", **quiet)
chance = control.retrieve(test, unseen, similarity="likelihood")
print(f"features permuted: top-1 {chance.top_k():.3f}, ", end="")
print(f"chance {chance.chance():.3f}")

# %%
# How many neurons does it take? ``picks`` fits to some of them.

rng = np.random.default_rng(0)
counts = [5, 10, 20, 40, len(v4.ch_names)]
accuracy = []
for count in counts:
    some = sorted(rng.choice(v4.ch_names, count, replace=False))
    part = mne_brainae.fit(train, features, recipe="linear", picks=some, **quiet)
    accuracy.append(part.retrieve(test, unseen, similarity="likelihood").top_k(5))
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(counts, 100 * np.array(accuracy), "o-")
ax.axhline(100 * found.chance(5), color="0.5", linestyle="--", label="chance")
ax.set(xlabel="neurons", ylabel="top-5 of 200 (%)", ylim=(0, None))
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# IT: objects, in time
# --------------------
#
# The second recording :cite:`ZhangEtAl2011` has a time course: spikes of 132 sites
# while one of seven objects was shown in one of three places. The images are not
# public. A model without images? What an image is can be said by any features. Here
# each trial counts as an image, whose features are the label of its object: seven
# columns, of which one is 1. The shared space is then one of labels.

it = macaque_it.read_epochs(bin_width=0.1, tmin=-0.2, **quiet)
it.metadata = it.metadata.assign(image=[f"trial-{i}" for i in range(len(it))])
labels = pd.get_dummies(it.metadata.set_index("image")["concept"], dtype=np.float32)
objects = labels.columns
templates = pd.DataFrame(
    np.eye(len(objects), dtype=np.float32),
    pd.MultiIndex.from_arrays(
        [objects, "label " + objects], names=["concept", "image"]
    ),
    objects,
)
print(it)

# %%
# The unit is spikes per second and not volts, so we give MNE-Python scale and unit.

fig = it.average().plot(
    scalings={"seeg": 1}, units={"seeg": "spikes/s"}, titles={"seeg": "macaque IT"}
)
fig.axes[0].axvline(0, color="C1", label="onset of the object")
fig.axes[0].legend(frameon=False, loc="upper left")

# %%
# Every trial is classified by a model that saw no trial of its fold. Sites were
# recorded one after another and put side by side, so the noise of two sites is
# unrelated, and splitting by repetition leaves nothing of a trial in the training.

folds = []
for train, test in mne_brainae.split_epochs(it, "repetition", n_splits=5, **quiet):
    shown = labels.loc[train.metadata["image"]]
    fitted = mne_brainae.fit(train, shown, recipe="linear", **quiet)
    folds.append((fitted, test.metadata["image"]))


def identify(epochs):
    """Classify every trial by the model that never saw it."""
    parts = []
    for fitted, names in folds:
        mine = epochs[epochs.metadata["image"].isin(names).to_numpy()]
        parts.append(fitted.classify(mine, templates, similarity="likelihood"))
    return mne_brainae.pool_identifications(parts)


found = identify(it)
found.scores((1,))

# %%
found.plot_confusion()

# %%
# When? What is seen from the beginning on, up to the end of a growing window, shows
# from when on the object is known. What is before the onset must be at chance.

growing = mne_brainae.occlude_times(
    identify, it, folds[0][0].evoked_, kind="increasing", window=0.1, **quiet
)
growing.plot()

# %%
# What to read next
# -----------------
#
# * ``mne_brainae benchmark neurons`` and ``mne_brainae benchmark it`` do all this with
#   folds, seeds, controls and logistic regression beside it.
# * :ref:`image-features`: middle layers of a network predict V4 better than Gabor
#   filters; ``mne_brainae benchmark images`` measures it on this recording.
# * :ref:`generation`: images decoded from these neurons.
# * :doc:`/datasets`: TVSD, a thousand contacts in V1, V4 and IT at once.
