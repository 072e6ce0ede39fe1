"""
.. _tut-subjects:

==================================
Many subjects, and one who is new
==================================

A new subject often gives few images only. Others may have seen many. This tutorial fits
a group, adapts it to a newcomer of 30 images, and compares that with a fit to the 30
images alone. Subjects need neither images nor channels in common: they are compared
through what their own models predict for the same images.

.. important::

   The recordings below are **simulated**. Three projections of the image features drive
   all subjects, which real brains may not do. What a group is worth on real recordings
   is a question for :func:`mne_brainae.score_adaptation`.
"""

# License: BSD-3-Clause

# %%
# A group
# -------
#
# Four subjects saw images of their own. The last one is pure noise. ``data.train`` is a
# dict of Epochs; one Epochs object with a column ``"subject"`` in its metadata does as
# well.

import mne_brainae
from mne_brainae.datasets import simulate_group

quiet = {"verbose": "ERROR"}
data = simulate_group(
    4,
    n_images=80,
    n_common=3,
    n_noise=1,
    n_channels=(6, 6, 8, 6),
    n_features=40,
    snr=0.3,
    n_test_images=40,
    n_repetitions=3,
    random_state=0,
    **quiet,
)
newcomer, *members = data.subjects
recordings = {name: data.train[name] for name in members}
group = mne_brainae.fit(recordings, data.features, **quiet)
print(group)

# %%
# The held-out slope of each subject fitted alone says whether responses follow the
# images. A subject below 0.1 leaves the group: nobody learns from it. (Here the warning
# about it is silenced.)

print(group.slopes_.round(2))

# %%
# The prediction for a subject is a sum of four: from its own features, from the shared
# latents, from both, and the mean map of the others. Their weights are those that hold
# for images left out.

print(group.weights_.round(2))

# %%
# A newcomer
# ----------
#
# :meth:`~mne_brainae.GroupModel.adapt` returns a new model that knows one subject more.

few = data.train[newcomer]
few = few[few.metadata["image"].isin(few.metadata["image"].unique()[:30])]
adapted = group.adapt(few, data.features)
print(adapted.for_subject(newcomer).selection_)

# %%
# All methods take ``subject``; those on Epochs read it from the metadata.

test = data.test[newcomer]
gallery = data.features.loc[test.metadata["image"]]
adapted.predict_evoked(gallery[:1], subject=newcomer).plot()
found = adapted.retrieve(test, gallery, similarity="likelihood")
print(found)

# %%
# It is compared with a fit to the same 30 images alone, and with the group's mean map,
# which has seen no image of this subject. The protocol of the latter says that the mean
# over the test responses was removed.

alone = mne_brainae.LinearBrainAE(spatial_window=None, **quiet)
alone.fit(few, data.features)
zero = group.retrieve(test, gallery, similarity="likelihood")
for name, each in (
    ("adapted", found),
    ("alone", alone.retrieve(test, gallery, similarity="likelihood")),
    ("no image", zero),
):
    print(f"{name:8s}: top-1 {each.top_k(1):.2f}, chance {1 / len(gallery):.2f}")

# %%
# The simulation knows the noise-free response, and so the share that is predicted.

for name, model in (
    ("adapted", adapted.for_subject(newcomer)),
    ("alone", alone),
    ("no image", group),
):
    skill = data.skill(newcomer, model.predict_epochs(gallery))
    print(f"{name:8s}: skill {skill:.2f}")

# %%
# Each subject as the newcomer
# ----------------------------
#
# :func:`mne_brainae.score_adaptation` leaves out one subject after another. Test
# images are unseen by all. With six subjects or more, ``scores.compare(n_images)``
# tests across subjects whether the group helps.

recordings = {name: data.train[name] for name in data.subjects[:2]}
scores = mne_brainae.score_adaptation(
    recordings, data.features, n_images=(20,), random_state=0, **quiet
)
print(scores)
scores.plot("r")

# %%
# What to read next
# -----------------
#
# * :doc:`/guide/subjects`: how the group is made, and what to expect of it.
# * :ref:`in-silico`: bands, single trials from the model, images for an experiment.
