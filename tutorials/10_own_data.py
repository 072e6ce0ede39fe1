"""
.. _tut-own-data:

========================================
Your own data: from a recording to a fit
========================================

You have a continuous recording, the onsets of images, and a log that says which image
was shown when. This tutorial turns them into a fitted and scored model in five steps,
with plain MNE-Python and with BIDS. At its end are common mistakes, and what the
package says to each of them.

The experiment is small: 50 images, 12 times each. What can you expect of it? The model
is fitted to 40 images, which is about the smallest number that works. Averaged over
repetitions, new images are identified well above chance among few candidates, and
single trials far less. More images help more than more repetitions;
:doc:`/guide/expectations` has numbers for 20 to 1,600 images.

.. important::

   The recording below is **simulated** MEG, so that this page runs anywhere. For EEG,
   iEEG or spikes the steps are the same. The scores are not evidence about brains.
"""

# License: BSD-3-Clause

# %%
# What an experiment leaves behind
# --------------------------------
#
# We simulate responses and concatenate them, which gives what you would have after an
# experiment:
#
# * ``raw``, a continuous recording;
# * ``events``, the array of samples and codes that :func:`mne.find_events` reads from
#   the trigger channel: here 1 is an image, and 2 a key that the participant pressed;
# * ``log``, one line per image, as the presentation program writes it;
# * a folder of images.

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import mne_bids
import numpy as np
import pandas as pd
from PIL import Image

import mne_brainae

quiet = {"verbose": "WARNING"}
data = mne_brainae.datasets.simulate(
    "meg",
    n_train_concepts=10,
    n_test_concepts=2,
    n_exemplars=5,
    n_templates=1,
    n_train_repetitions=12,
    snr=0.3,
    random_state=0,
    **quiet,
)
images = data.images
rng = np.random.default_rng(0)
trials = data.train[rng.permutation(len(data.train))]  # in random order, as always

signal = np.concatenate(list(trials.get_data()), axis=1)
raw = mne.io.RawArray(signal, trials.info, **quiet)
raw.info["line_freq"] = 50
log = trials.metadata[["image", "concept"]].reset_index(drop=True)

onsets = np.arange(len(trials)) * len(trials.times) + int(np.sum(trials.times < 0))
keys = rng.choice(onsets, 20, replace=False) + 45
events = np.array([(s, 0, 1) for s in onsets] + [(s, 0, 2) for s in keys])
events = events[np.argsort(events[:, 0])]

print(raw)
print(f"{len(events)} events, {len(log)} lines in the log")
log.head()

# %%
# Step 1: epochs with the names of their images
# ---------------------------------------------
#
# The one thing that the package asks of your epochs is a table, ``epochs.metadata``,
# with a column ``"image"``: the name of the image that was shown. Everything is
# paired by that name and never by position, so epochs may come in any order, and may be
# dropped. Further columns are welcome:
#
# ============== =================================================================
# Column         What it allows
# ============== =================================================================
# ``image``      everything; it is the only one that is needed
# ``concept``    what is in the image: tests on concepts that are new to the
#                model, and classification
# ``category``   larger groups, for confusions and representations
# ``session``,   tests across sessions and people
# ``subject``
# ``image_path`` where each image is, if they are not in one folder
# ============== =================================================================
#
# Give the table when you cut the epochs, so that MNE-Python takes out the row of every
# epoch that it drops. The log has one line per image and the events have key presses
# as well, so we select the images first, and check that they are as many as the
# lines.

shown = events[events[:, 2] == 1]
assert len(shown) == len(log)
epochs = mne.Epochs(
    raw,
    shown,
    event_id={"image": 1},
    tmin=-0.1,
    tmax=0.7,
    baseline=(None, 0),
    metadata=log,
    preload=True,
    **quiet,
)
epochs

# %%
# The same from BIDS
# ------------------
#
# In BIDS the names of the images are a column of ``events.tsv``. mne-bids writes such
# columns from a table with one row per event, and a description of each. We do this in
# a temporary folder:

as_bids = pd.DataFrame({"image": "n/a", "concept": "n/a"}, index=range(len(events)))
as_bids.loc[events[:, 2] == 1, ["image", "concept"]] = log.to_numpy()
as_bids.insert(0, "trial_type", np.where(events[:, 2] == 1, "image", "key"))

temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name, "my_experiment")
raw_file = Path(temporary.name, "recording_raw.fif")
raw.save(raw_file, **quiet)
path = mne_bids.BIDSPath(subject="01", task="images", datatype="meg", root=root)
mne_bids.write_raw_bids(
    mne.io.read_raw(raw_file, **quiet),
    path,
    events=events,
    event_id={"image": 1, "key": 2},
    event_metadata=as_bids,
    extra_columns_descriptions={
        "trial_type": "what happened",
        "image": "the image, below the folder of images",
        "concept": "what is in the image",
    },
    **quiet,
)
mne_bids.print_dir_tree(root)

# %%
# The first lines of ``events.tsv``:

table = path.copy().update(suffix="events", extension=".tsv").fpath
print("".join(table.read_text("utf-8").splitlines(keepends=True)[:4]))

# %%
# Reading is one line, and cutting another: :class:`mne.Epochs` without events takes
# those of the file, and their columns become the metadata. Of all events we keep the
# images.

everything = mne.Epochs(
    mne_bids.read_raw_bids(path, **quiet),
    tmin=-0.1,
    tmax=0.7,
    baseline=(None, 0),
    preload=True,
    **quiet,
)
from_bids = everything["image"]
assert list(from_bids.metadata["image"]) == list(epochs.metadata["image"])
np.testing.assert_allclose(from_bids.get_data(), epochs.get_data(), atol=1e-18)
from_bids.metadata[["image", "concept"]].head()

# %%
# Step 2: look
# ------------
#
# Do names and images belong together? A folder of images is searched with its
# sub-folders; a name may come with or without folder and suffix.

fig, axes = plt.subplots(1, 5, figsize=(9, 2.3), layout="constrained")
for ax, (_, row) in zip(axes, from_bids.metadata.iloc[:5].iterrows(), strict=True):
    ax.imshow(Image.open(images / row["image"]))
    ax.set_title(row["image"], fontsize=8)
    ax.axis("off")

# %%
# And is there a response? Filter, mark bad channels and reject epochs as you would for
# any evoked response.

from_bids.average().plot_joint(times=[0.1, 0.17, 0.25])

# %%
# Step 3: split before anything is learned
# ----------------------------------------
#
# Nothing of the test may be in the training. Repetitions of one image must not be in
# both, and if other images of the same concept are in the training, the model may know
# the concept and not the image. :func:`mne_brainae.split_epochs` keeps concepts whole.
# It yields all folds; here we take the first.

splits = mne_brainae.split_epochs(from_bids, "concept", n_splits=5, **quiet)
train, test = next(splits)
for name, part in {"training": train, "test": test}.items():
    n_concepts, n_images = part.metadata[["concept", "image"]].nunique()
    print(f"{name}: {len(part)} epochs, {n_images} images, {n_concepts} concepts")

# %%
# Repetitions are averaged for the test, as papers do, which makes it easier than single
# trials. ``fit`` averages those of the training itself. What all repetitions of a
# image share stays in the metadata, and ``n_averaged`` counts them.

averaged = mne_brainae.average_repetitions(test)
averaged.metadata.head(3)

# %%
# Step 4: fit and score
# ---------------------
#
# ``recipe="linear"``, the closed form, takes seconds and works with few images. The
# default recipe also trains an autoencoder from there, which needs more of them.

model = mne_brainae.fit(train, images, recipe="linear", random_state=0, **quiet)
print(model)
print(model.selection_)

# %%
# The *slope* says how much of the prediction holds for images that were held out of the
# fit. Near 1 the model can be trusted as far as its scores go; below 0.2 ``fit`` warns
# that the responses do not follow the images.

# %%
# *Decoding*: which of the test images was seen?

found = model.retrieve(averaged, images)
print(found)

# %%
# *Encoding*: what is the response to each test image? The score takes single trials,
# since their repetitions give the noise ceiling, the score of a perfect model. Where it
# is near zero, responses do not repeat, and no model can predict them.

scores = model.score_encoding(test, images, n_splits=20, random_state=0)
scores.plot()

# %%
# The predictions themselves are Epochs as well: ``like=test`` predicts the images of
# the test, named as it names them and with its metadata.

predicted = model.predict_epochs(images, like=test)
predicted

# %%
print(scores)

# %%
# Step 5: save it
# ---------------
#
# A model is one file without any code in it. :func:`mne_brainae.make_report` makes one
# HTML page with figures, scores and protocol. On the command line, ``mne_brainae fit``,
# ``predict`` and ``report`` do the same with a file ``sub-01-epo.fif`` that
# ``epochs.save`` wrote, which contains the metadata.

model.save(root / "sub-01_brainae.safetensors", **quiet)
again = mne_brainae.read_brainae(root / "sub-01_brainae.safetensors", **quiet)
np.testing.assert_array_equal(
    again.predict_epochs(images, like=test).get_data(), predicted.get_data()
)

# %%
# Channels that went bad
# ----------------------
#
# A channel that was dropped after the fit, or is marked in ``info["bads"]``, is no
# mistake. The model imputes it from the others, and the protocol says so;
# ``model.reconstruct`` returns the whole recording (:ref:`tut-masking`).

fewer = averaged.copy().drop_channels(["MLC001"])
print(model.retrieve(fewer, images))

# %%
# Mistakes that are reported
# --------------------------
#
# Every error says what was expected, what was found, and what to do.


def attempt(what, *args, **options):
    """Do it, and print what the package has to say."""
    try:
        what(*args, **options)
    except (TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")


# %%
# Epochs without names of images:

nameless = epochs.copy()
nameless.metadata = None
attempt(mne_brainae.fit, nameless, images, recipe="linear")

# %%
# Names that are not those of the files, such as the numbers of a list of conditions:

renamed = epochs.copy()
renamed.metadata = log.assign(image=pd.factorize(log["image"])[0])
attempt(mne_brainae.fit, renamed, images, recipe="linear")

# %%
# A test that was cut or sampled in another way than the training:

attempt(model.retrieve, averaged.copy().crop(0, 0.5), images)

# %%
# Samples that are not numbers, such as those of an amplifier that was switched off:

broken = epochs.copy()
broken.get_data(copy=False)[3, 0] = np.nan
attempt(mne_brainae.fit, broken, images, recipe="linear")

# %%
# Classification by templates that contain the very image that was shown:

concepts = averaged.metadata["concept"].unique()
templates = {concept: images / concept for concept in concepts}
attempt(model.classify, averaged, templates)

# %%
# A mistake that raises no error
# ------------------------------
#
# If the log is off by one line, because a trigger was lost or the first trial was for
# practice, then every epoch has the name of the image before it. All names exist and
# all numbers agree, so that no check can find it. But the responses do not follow the
# images, and ``fit`` warns that the held-out slope is low:

shifted = epochs.copy()
shifted.metadata = log.apply(lambda column: np.roll(column, 1))
train, test = next(mne_brainae.split_epochs(shifted, "concept", n_splits=5, **quiet))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    lost = mne_brainae.fit(train, images, recipe="linear", random_state=0, **quiet)
print(*(warning.message for warning in caught), sep="\n")
print(f"slope as recorded:     {model.slope_:.2f}")
print(f"slope off by one line: {lost.slope_:.2f}")

# %%
# The noise ceiling falls as well, because "repetitions" of an image are now responses
# to different ones. So, before you interpret a score at chance, look at the slope and
# at the ceiling, and compare some epochs with their images, as in step 2.

after = lost.score_encoding(test, images, n_splits=20, n_bootstraps=0, random_state=0)
for name, result in {"as recorded": scores, "off by one line": after}.items():
    ceiling = result.table.loc["noise ceiling", "r_images"]
    print(f"noise ceiling of r_images, {name}: {ceiling:.2f}")

temporary.cleanup()

# %%
# What to read next
# -----------------
#
# * :doc:`/guide/own_data`: these steps on one page, and how much data it takes.
# * :ref:`image-features`: which description of the images to give to the model.
# * :ref:`tut-encoding` and :ref:`decoding`: what the scores mean.
# * :doc:`/datasets`: the readers that come with the package, and how they do it.
