"""
.. _tut-things-eeg2:

=========================================
THINGS-EEG2: from the download to Table 1
=========================================

Ten people, 63 electrodes, 16,740 images: this page leads from nothing to the first
table of the paper on the recordings of THINGS-EEG2 :cite:`GiffordEtAl2022`. First on
the command line, which is all that the table takes; then the same in Python for one
person, where you can look at every step.

.. warning::

   This page is **shown and was not run**: the recordings take more than a hundred
   gigabytes, and the images have terms that only you can accept. Its commands and its
   code are checked against the package, their results are not. ``mne_brainae benchmark
   table1 --data simulated --small`` tries the same machinery in little time.
"""

# License: BSD-3-Clause

# %%
# On the command line
# -------------------
#
# **Look before you download.** Sizes, licenses, and where everything comes from:
#
# .. code-block:: console
#
#    $ mne_brainae datasets list
#    $ mne_brainae datasets info things-eeg2
#
# **The images.** They belong to THINGS, are for research only, and are locked by a
# password. Read their terms at https://osf.io/j6a3m; who accepts them finds the
# password there, and puts it into an environment variable, where it is not in the
# history of commands of everyone who looks over your shoulder:
#
# .. code-block:: console
#
#    $ read -s MNE_BRAINAE_THINGS_PASSWORD
#    $ export MNE_BRAINAE_THINGS_PASSWORD
#    $ mne_brainae datasets fetch things --images --path data/things
#
# **The recordings.** Begin with one person. A download that was stopped goes on where
# it was. ``--images`` brings the images as they were shown, a second, smaller set.
#
# .. code-block:: console
#
#    $ mne_brainae datasets fetch things-eeg2 --subjects 1 --images --path data/source
#
# **To BIDS.** The files of the authors are pickles, which could run any code when they
# are loaded. They are read without executing anything, and written as BrainVision with
# events that name the images. ``check`` then tells whether all is there, without
# reading the data.
#
# .. code-block:: console
#
#    $ mne_brainae datasets to-bids things-eeg2 data/source data/things_eeg2 \
#          --subjects 1 --images data/source
#    $ mne_brainae datasets check things-eeg2 data/things_eeg2 --subjects 1
#
# **What would be fitted?** ``--dry-run`` lists every fit, how long one takes, and which
# are done already. Nothing is computed.
#
# .. code-block:: console
#
#    $ mne_brainae benchmark table1 --bids-root data/things_eeg2 \
#          --images data/things/object_images --subjects 1 --dry-run
#
# **A first run** with one seed, and with an image encoder that is small enough for any
# machine. The default is the paper's, with billions of weights, which wants a graphics
# card.
#
# .. code-block:: console
#
#    $ mne_brainae benchmark table1 --bids-root data/things_eeg2 \
#          --images data/things/object_images --subjects 1 --seeds 1 \
#          --image-encoder clip-vit-l-14 --out results_clip_l
#
# **The table.** All people, five seeds, the paper's image encoder; fetch and convert
# all subjects first (leave ``--subjects`` out). What is done is kept, so that the same
# command goes on where it was stopped. ``--jobs`` takes several processes, and
# ``--backend dask`` a cluster.
#
# .. code-block:: console
#
#    $ mne_brainae benchmark table1 --bids-root data/things_eeg2 \
#          --images data/things/object_images --jobs 4 --out results
#
# ``results/table1`` then holds the table as Markdown, HTML and LaTeX, each value beside
# the published one, with tests, protocol and every single score; :doc:`/tables` says
# what is where. Compare the image encoder before you compare numbers: the published
# ones are with the paper's.
#
# The same in Python, for one person
# ----------------------------------
#
# ``read_epochs`` does what section 4.1 of the paper says: band, baseline, sampling
# rate, averages, and noise normalization, which learns from training trials only. (The
# arrays that the authors of the data published are whitened by test trials as well;
# those of this page are not.)

from pathlib import Path

import mne_brainae
from mne_brainae.datasets import things, things_eeg2

bids = Path("data/things_eeg2")
images = Path("data/things/object_images")

mvnn = mne_brainae.MVNN()  # is fitted while the training is read
train = things_eeg2.read_epochs(bids, 1, "train", average=True, mvnn=mvnn)
test = things_eeg2.read_epochs(bids, 1, "test", mvnn=mvnn)

# %%
# Training and test images show different concepts, so what follows is zero-shot. The
# sum below must be zero; the package would warn, too.

shared = set(train.metadata["concept"]) & set(test.metadata["concept"])
print(f"{len(shared)} shared concepts")

# %%
# Features are computed once and kept on disk by the content of every image. To choose
# a layer or several, see :ref:`image-features`.

names = [*train.metadata["image"].unique(), *test.metadata["image"].unique()]
features = mne_brainae.compute_image_features(images, "clip-vit-l-14", names=names)
gallery = features.loc[test.metadata["image"].unique()]

# %%
# The four systems of Table 1 have the same methods: linear and nonlinear, each with and
# without alignment. Confidence intervals take time, and are left out in this loop.

regions = mne_brainae.channel_regions(test.info)
for name, system in mne_brainae.encoding_systems(random_state=0).items():
    system.fit(train, features)
    predicted = system.predict_epochs(gallery)
    for channels, picks in {"all": None, "visual": regions["visual"]}.items():
        scores = mne_brainae.score_encoding(
            test,
            predicted,
            system.evoked_,
            picks=picks,
            n_bootstraps=0,
            random_state=0,
        )
        row = scores.table.loc["prediction"]
        print(f"{name}, {channels}: r {row['r_pattern']:.3f}, MSE {row['mse']:.3f}")

# %%
# ``r_pattern`` is the correlation of the paper. Do read the other rows of
# ``scores.table`` beside it: the mean response alone, which is the same for any
# image, reaches a good part of it, and the noise ceiling says where the end is.

print(scores)

# %%
# Whitened responses have no volts. Predictions come back to them through the same
# normalization, and can be drawn like any response:

in_volts = mvnn.inverse_transform(predicted)
in_volts.average().plot_joint()

# %%
# Decoding, as in Table 2: retrieval among the 200 images, and classification by other
# images of the same concepts, which were never shown.

model = mne_brainae.fit(train, features, recipe="paper", random_state=0)
averaged = mne_brainae.average_repetitions(test)
print(model.retrieve(averaged, gallery))

others = things.find_templates(images, averaged)
described = {
    concept: mne_brainae.compute_image_features(files, "clip-vit-l-14")
    for concept, files in others.items()
}
print(model.classify(averaged, described))

# %%
# What to read next
# -----------------
#
# * :doc:`/datasets`: the same for THINGS-MEG and TVSD; choices that change scores.
# * :doc:`/tables`: the other tables.
# * :doc:`/protocol`: why two honest scores of one data set can differ.
# * :ref:`tut-backbones`: to change the network, the losses or the temperature.
