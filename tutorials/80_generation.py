"""
.. _generation:

===============================================
Generation: a new picture from a brain response
===============================================

Retrieval finds what was seen among candidates. Generation needs none: it draws a new
picture from a response. It takes two steps. A *prior* draws image embeddings that
agree with the response, and a *diffusion model* of other authors paints a picture from
each. A third, simpler method decodes a blurry picture linearly; painting may start
from it. This tutorial runs all that needs no downloaded weights, shows the call
that does, and scores pictures beside their controls.

.. important::

   The recording is **simulated**, and its images are drawn by the package. It shows
   how to generate and how to judge the result, not how well it works on brains.
"""

# License: BSD-3-Clause

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import mne_brainae
from mne_brainae.generation import (
    DiffusionPrior,
    FeatureNetwork,
    PictureDecoder,
    RidgePrior,
    fit_prior,
    score_pictures,
)
from mne_brainae.generation.metrics import two_way_identification

data = mne_brainae.datasets.simulate(
    n_train_concepts=48,
    n_test_concepts=16,
    n_exemplars=5,
    n_train_repetitions=1,
    n_test_repetitions=10,
    n_templates=2,
    snr=1.0,
    random_state=0,
)
test = mne_brainae.average_repetitions(data.test)
names = list(test.metadata["image"])

# %%
# Blurry pictures, linearly
# -------------------------
#
# Ridge regression from the response to a few pixels is the simplest method, and strong
# in the correlation of pixels. It is learned on training images; the concepts below
# are new to it.

decoder = PictureDecoder(size=16).fit(data.train, data.images)
decoded = decoder.predict(test)

stimuli = mne_brainae.images.find_images(data.images, names)
stimuli = [mne_brainae.images.read_image(path) for path in stimuli.values()]
sheet = mne_brainae.generation.contact_sheet(
    {"stimulus": stimuli, "decoded": decoded}, n_columns=8
)


def show(sheet):
    """Show a contact sheet as it is."""
    width, height = sheet.size
    fig = plt.figure(figsize=(width / 100, height / 100))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(sheet)
    ax.axis("off")


show(sheet)

# %%
# How much of the stimulus is in a picture?
# -----------------------------------------
#
# PixCorr correlates pixels, SSIM compares local structure, and two-way identification
# asks, through the features of a network, which of two stimuli a picture shows.
# ``networks="paper"`` takes the six networks of the paper's Table 3, whose weights are
# fetched at first use; here a small one whose weights install with pip stands in.
#
# Every score stands beside its controls: the same pictures shuffled, the stimuli
# themselves, and others that you give, such as the mean training image. Pictures
# resemble one another, so the controls are far from zero.

network = FeatureNetwork(mne_brainae.ImageEncoder("efficientnet-lite0"))
scores = score_pictures(
    decoded,
    stimuli,
    networks={"EfficientNet-Lite": network},
    controls={"mean picture": [decoder.mean_picture_] * len(stimuli)},
    random_state=0,
)
scores.plot()

# %%
print(scores)

# %%
# The prior: image embeddings from brain embeddings
# -------------------------------------------------
#
# A fitted model maps responses into its shared space. From there, a prior draws image
# embeddings: ridge regression gives the expected one, and diffusion draws any number of
# those that are possible. The published diffusion model takes the embedding
# ``"clip-vit-h-14"``; offline, Gabor features stand in for it. The diffusion prior is
# made small here to learn within seconds.

shown = {name: data.images / name for name in data.train.metadata["image"].unique()}
embeddings = mne_brainae.compute_image_features(shown)
model = mne_brainae.fit(data.train, embeddings, recipe="linear", random_state=0)
small = DiffusionPrior(
    widths=(128, 64),
    learning_rate=3e-3,
    max_epochs=1,
    min_updates=200,
    device="cpu",
    random_state=0,
)
priors = {
    "ridge": fit_prior(model, data.train, embeddings, prior=RidgePrior()),
    "diffusion": fit_prior(model, data.train, embeddings, prior=small),
}
truth = mne_brainae.compute_image_features(data.images, names=names).to_numpy()
brain = model.embed_epochs(test)
identified = {}
for name, prior in priors.items():
    drawn = prior.sample(brain, 10, random_state=0)
    shuffled = np.roll(drawn.mean(axis=1), 1, axis=0)
    identified[name] = {
        "one draw": two_way_identification(drawn[:, 0], truth).mean(),
        "mean of ten": two_way_identification(drawn.mean(axis=1), truth).mean(),
        "mean of ten, shuffled": two_way_identification(shuffled, truth).mean(),
    }
alone = priors["diffusion"].sample(len(test), random_state=0)[:, 0]
identified["diffusion without a brain"] = {
    "one draw": two_way_identification(alone, truth).mean()
}
pd.DataFrame(identified).T.round(2)

# %%
# Chance is 0.5. One draw of the diffusion prior is one of the many images that the
# response allows; the mean of its draws is the counterpart of what ridge regression
# returns. A diffusion model needs a draw: the mean of several images' embeddings is
# typically not the embedding of an image.

# %%
# Painting
# --------
#
# With the weights of SDXL and of its IP-Adapter, the rest is one call. They are fetched
# at first use, after a message with their licenses; folders work as well, see
# :func:`mne_brainae.generation.load_pipeline`.
#
# .. code-block:: python
#
#    from mne_brainae.generation import generate_pictures
#
#    prior = fit_prior(model, data.train, data.images)  # clip-vit-h-14
#    generated = generate_pictures(
#        model,
#        test,
#        prior,
#        pipeline="sdxl-turbo",
#        low_level=decoder,  # start from the blurry pictures
#        n_images=10,
#        random_state=0,
#    )
#    generated.contact_sheet(data.images).save("generated.png")
#    generated.score(data.images, networks="paper")
#
# ``control="shuffled"`` generates from the brain of another epoch, and
# ``control="prior only"`` from none. The pictures look convincing in any case:
# report both.

# %%
# Real neurons
# ------------
#
# Where the recording of macaque V4 is on the machine, the same decoder reads
# photographs from a hundred milliseconds of spikes of 55 neurons. The photographs were
# not seen in the fit, and are not ours to show.
# ``mne_brainae generate --data macaque-v4`` prints the scores.

folder = Path(os.environ.get("MNE_BRAINAE_DATA", ""), "macaque_v4")
if folder.is_dir():
    epochs = mne_brainae.datasets.macaque_v4.read_epochs("210225")
    decoded = PictureDecoder(size=16).fit(epochs[:1000]).predict(epochs[1000:1016])
    show(mne_brainae.generation.contact_sheet({"decoded": decoded}, n_columns=8))

# %%
# What to read next
# -----------------
#
# * :doc:`/generation`: the licenses of weights, the exact metrics, and the commands
#   ``mne_brainae fit-prior`` and ``mne_brainae generate``, which do all this for files.
# * :ref:`decoding`: finding what was seen among candidates.
# * :ref:`tut-neurons`: more on these neurons.
# * :doc:`/ethics`: what such pictures are, and what they are not.
