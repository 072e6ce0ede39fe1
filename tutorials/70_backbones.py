"""
.. _tut-backbones:

=================================
Backbones, losses and temperature
=================================

The model of the paper has a brain encoder, four losses and a temperature. All are
arguments, so that comparing them takes a loop and no new code. This tutorial trains
small networks in several versions, shows how to read a training history, puts in a
network of your own, and ends with the question whether any of the differences is real.
If you have never trained a network, read it from the start; what an epoch, a loss and a
seed are is said on the way.

.. important::

   The recording is **simulated**, and the networks are made small and trained briefly,
   to be quick. Which version wins here says nothing about your data.
"""

# License: BSD-3-Clause

# %%
# Training, and how to look at it
# -------------------------------
#
# A network starts from random weights, which the *seed* (``random_state``) decides. It
# passes over the training images again and again; each pass is an *epoch* (of
# training; with those of MNE-Python it shares only the name). In a pass it takes one
# *batch* of images after another, and after each batch changes its weights a little
# so that the *loss*, a number that says how wrong it is, gets smaller.
#
# After some time it overfits the training images. Therefore some images are
# held out: they change no weights, and the loss on them, the *validation* loss, says
# which epoch to keep. ``validation="concept"`` holds out whole concepts. The test is
# used for none of this.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from torch import nn

import mne_brainae

quiet = {"verbose": "WARNING"}
data = mne_brainae.datasets.simulate(
    n_train_concepts=45,
    n_test_concepts=40,
    n_exemplars=5,
    n_templates=1,
    n_test_repetitions=10,
    sfreq=50.0,
    snr=0.3,
    random_state=0,
    **quiet,
)
features = mne_brainae.compute_image_features(data.images, **quiet)
test = mne_brainae.average_repetitions(data.test)
gallery = features.loc[test.metadata["image"]]

visual = mne_brainae.channel_regions(data.train.info)["visual"]

small = {
    "picks": visual,  # the back of the head
    "n_embedding": 64,
    "n_kernels": 10,
    "kernel_length": 10,
    "pool_length": 3,
    "pool_stride": 3,
    "inner_activation": False,  # far faster on a CPU
    "standardize": "evoked",
    "validation": "concept",
    "max_epochs": 10,  # brief, for the comparisons below
    "min_updates": 0,
    "device": "cpu",
}


def train(seed=0, **settings):
    """Fit a small network whose settings differ from the above in a few."""
    model = mne_brainae.make_model(
        "paper", **{**small, **settings}, random_state=seed, **quiet
    )
    return model.fit(data.train, features)


model = train(max_epochs=30)
mne_brainae.viz.plot_history(model)

# %%
# The dashed line is the epoch that was kept: where the validation loss was least. If it
# is the last one, train longer (``max_epochs``). If the validation loss rises while
# that of training falls, the network has begun to overfit. The earlier epoch is kept,
# but more data or a simpler network would help.
#
# The total is the sum of four terms, and ``history_`` has every one of them:
#
# ================ ==============================================================
# Term             What it asks for
# ================ ==============================================================
# ``contrastive``  a response is nearer to its own image than to others of the
#                  batch (equation 1); decoding needs it
# ``feature``      the two embeddings of a pair agree (2)
# ``recon_brain``  the response can be decoded from its own embedding (3)
# ``recon_image``  the response can be decoded from the *image's* embedding (4);
#                  encoding needs it
# ================ ==============================================================

print(f"epoch {model.best_epoch_} of {len(model.history_)} was kept")
model.history_.iloc[[0, model.best_epoch_, -1]].T.round(2)

# %%
terms = ["contrastive", "feature", "recon_brain", "recon_image"]
fig, axes = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained")
for ax, term in zip(axes, terms, strict=True):
    ax.plot(model.history_[f"train_{term}"], label="training")
    ax.plot(model.history_[f"validation_{term}"], label="validation")
    ax.axvline(model.best_epoch_, color="0.5", linestyle="--", label="kept")
    ax.set(title=term, xlabel="epoch")
axes[0].set_ylabel("loss")
axes[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Every term has its own best epoch, so that what decodes best need not predict best:

validation = model.history_[[f"validation_{term}" for term in terms]]
validation.idxmin().to_frame("epoch of the least loss")

# %%
# The contrastive term also depends on how many images it has to tell apart, which are
# as many as the batch has; compare its values only within training, or within
# validation.
#
# Brain encoders
# --------------
#
# ``brain_encoder`` takes a name or a module.
#
# * ``"tsconv"`` is the paper's: a convolution in time, then one over channels.
# * ``"linear"`` is one linear map, a strong baseline on small sets.
# * ``"nice"`` and ``"atm"`` are the encoders of two systems that the paper compares
#   with; ``recipe="nice"`` and ``recipe="atm"`` train them as their authors do.
#
# A module of your own is any :class:`torch.nn.Module` that maps a batch of shape
# (n, n_channels, n_times) to (n, n_embedding). Responses come standardized. Here is one
# with a hidden layer:

n_channels, n_times = len(visual), len(test.times)


def make_own():
    """Return a network with one hidden layer and new random weights."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(n_channels * n_times, 100),
        nn.GELU(),
        nn.Linear(100, small["n_embedding"]),
    )


print(train(brain_encoder=make_own(), max_epochs=2))

# %%
# The package knows no class of yours, so reading such a model back takes the module
# again: ``read_brainae(fname, parts={"brain_encoder": make_own()})``. The file fills in
# its weights.
#
# The extra ``backbones``, ``pip install "mne_brainae[backbones]"``, brings braindecode,
# of which four networks have names here, those of Table 5: ``brain_encoder="shallow"``,
# ``"deep4"``, ``"eegnet"`` or ``"conformer"``. Such a model is read back by its file
# alone. The others are modules of this kind.
#
# A comparison with seeds
# -----------------------
#
# Another seed gives another network, and another score. So every version is trained
# with several seeds, and a difference that is not larger than that between seeds means
# nothing. (The paper has five seeds, here are two.) ``r_images`` is the encoding score
# over images, ``top_1`` the accuracy of retrieval.


def compare(versions, seeds=(0, 1)):
    """Train every version with every seed; return one row of scores per fit."""
    rows = []
    for name, settings in versions.items():
        for seed in seeds:
            made = {key: v() if callable(v) else v for key, v in settings.items()}
            model = train(seed, **made)
            found = model.retrieve(test, gallery)
            scores = {"r_images": model.score(test, gallery), "top_1": found.top_k()}
            rows.append({"version": name, "seed": seed, **scores})
    return pd.DataFrame(rows)


def summarize(results):
    """Put the mean over seeds beside the range over seeds."""
    groups = results.drop(columns="seed").groupby("version", sort=False)
    table = {"mean": groups.mean(), "range over seeds": groups.max() - groups.min()}
    return pd.concat(table, axis=1).round(2)


encoders = compare(
    {
        "tsconv": {"brain_encoder": "tsconv"},
        "linear": {"brain_encoder": "linear"},
        "own": {"brain_encoder": make_own},
    }
)
summarize(encoders)

# %%
# The closed form needs no training and is the same for any seed. A network should add
# something to it; the default recipe of :func:`mne_brainae.fit` trains one that starts
# from it.

linear = mne_brainae.fit(
    data.train, features, recipe="linear", picks=visual, random_state=0, **quiet
)
print(f"recipe='linear': r_images {linear.score(test, gallery):.2f}, ", end="")
print(f"top_1 {linear.retrieve(test, gallery).top_k():.2f}")

# %%
# Losses: the rows of Table 4
# ---------------------------
#
# The weight of every term is a parameter of :class:`mne_brainae.Losses`; ``fit`` and
# ``make_model`` take it by its name. A zero switches a term off, which gives the rows
# of the paper's Table 4. Its last row, all terms together, is the first encoder above.

only = dict.fromkeys(terms, 0.0)
table_4 = {
    "w/ L_con": only | {"contrastive": 1.0},
    "w/ L_recon": only | {"recon_brain": 1.0, "recon_image": 1.0},
    "w/o L_con": {"contrastive": 0.0},
    "w/o L_fea": {"feature": 0.0},
    "w/o L_recon_B": {"recon_brain": 0.0},
    "w/o L_recon_I": {"recon_image": 0.0},
}
all_terms = encoders[encoders["version"] == "tsconv"]
losses = compare(table_4)
losses = pd.concat([losses, all_terms.assign(version="overall")])
summarize(losses)

# %%
# One thing is certain before any network is trained: without ``recon_brain`` and
# ``recon_image`` nothing teaches the decoder, so that what it predicts means nothing.
# The rest is a matter of data: see :doc:`/tables` for how much the noise decides here.
#
# ``mne_brainae benchmark table4 --data simulated`` runs the whole table with controls,
# and on recordings with ``--bids-root``.
#
# Temperature
# -----------
#
# The contrastive loss divides similarities by the temperature tau. A low one looks at
# the hardest wrong image only, a high one at all of them alike. The paper takes 0.07.

temperatures = compare({f"{tau:g}": {"temperature": tau} for tau in (0.01, 0.5)})
temperatures = pd.concat([temperatures, all_terms.assign(version="0.07")])
summarize(temperatures)

# %%
# ``learn_temperature=True`` makes it a weight like any other, and ``temperature_`` says
# where it ended. It is learned on the training images, which a network can tell apart
# better and better by overfitting, so it does not say what is best for new ones.

learned = train(learn_temperature=True)
print(f"learned temperature: {learned.temperature_:.3f}")

# %%
# One image of all versions, a point per seed:

fig, axes = plt.subplots(1, 2, figsize=(9, 5), sharey=True, layout="constrained")
everything = pd.concat(
    {"encoder": encoders, "losses": losses, "tau": temperatures}, names=["what"]
).reset_index("what")
everything["label"] = everything["what"] + ": " + everything["version"]
labels = list(everything["label"].unique())[::-1]
places = [labels.index(label) for label in everything["label"]]
panels = {
    "r_images": ("r over images", 0.0, "mean response"),
    "top_1": (f"top-1 accuracy of {len(gallery)} images", 1 / len(gallery), "chance"),
}
for ax, (score, (what, level, name)) in zip(axes, panels.items(), strict=True):
    ax.plot(everything[score], places, "o", alpha=0.6)
    ax.axvline(level, color="0.5", linestyle="--", label=name)
    ax.set(xlabel=what, yticks=np.arange(len(labels)), yticklabels=labels)
    ax.grid(axis="y", alpha=0.3)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))

# %%
# With so few test images, one more that is found is a visible step in ``top_1``; so
# look at how far apart the seeds of one version are before you compare versions.
#
# How to choose for real
# ----------------------
#
# * Choose on training data, by splits of them (:func:`mne_brainae.split_epochs`), and
#   look at the test once. A version that was chosen by its test score has a test score
#   that means nothing.
# * Change one thing at a time, and count a difference in units of the range over seeds;
#   over subjects, :func:`mne_brainae.compare_subjects` tests it.
# * Many fits, with seeds and subjects, in several processes and resumable:
#   :func:`mne_brainae.fit_many`.
#
# What to read next
# -----------------
#
# * :doc:`/guide/encoders`: which choice matters most. It is not one of these.
# * :ref:`image-features`: that choice.
# * :doc:`/tables`: the paper's tables, a command each.
# * :doc:`/architecture`: how to add an encoder by name.
