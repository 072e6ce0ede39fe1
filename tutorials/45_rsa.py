"""
.. _rsa:

======================================================
Representations: which responses are similar, and when
======================================================

Two images are similar to a brain if they evoke similar responses. All pairwise
dissimilarities together are a *representational dissimilarity matrix* (RDM). It needs
no common units, so that brains, models and categories can be compared by it.

.. important::

   The recording below is **simulated**. What it shows about categories and times is
   what the simulation put there, and no evidence about brains.
"""

# License: BSD-3-Clause

# %%
# A fitted model, and embeddings of unseen images
# -----------------------------------------------

import pandas as pd

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=60,
    n_exemplars=5,
    n_templates=2,
    n_test_repetitions=12,
    snr=0.1,
    random_state=0,
)
features = mne_brainae.compute_image_features(data.images, "gabor")
model = mne_brainae.fit(
    data.train, features, recipe="linear", random_state=0, verbose="WARNING"
)
measured = mne_brainae.average_repetitions(data.test)
category = measured.metadata.set_index("image")["category"]
gallery = features.loc[category.index]

# %%
# Dissimilarities
# ---------------
#
# Brain and images have embeddings in one space, so each gives an RDM. Rows and
# columns are named by the images, and are matched by name.

rdm_brain = mne_brainae.compute_rdm(model.embed_epochs(measured))
rdm_image = mne_brainae.compute_rdm(model.embed_images(gallery))
rdm_brain.iloc[:4, :4].round(2)

# %%
# Are categories clusters?
# ------------------------
#
# Images of one category should be more similar than images of two. The difference of
# the mean dissimilarities is tested by permuting the categories of the images.

contrast = mne_brainae.contrast_categories(rdm_brain, category, random_state=0)
contrast.plot()

# %%
print(contrast)

# %%
# Do brain and model agree?
# -------------------------
#
# Pairs that share an image are not independent, so the p-value comes from permuting
# whole images. The model was trained to bring both embeddings together, so agreement
# of the two embeddings is less of a surprise than agreement with the raw features.

rdm_features = mne_brainae.compute_rdm(gallery)
same = category.to_numpy()[:, None] == category.to_numpy()
rdm_category = pd.DataFrame(1.0 - same, category.index, category.index)
for name, rdm in {
    "embedded images": rdm_image,
    "image features": rdm_features,
    "categories": rdm_category,
}.items():
    result = mne_brainae.compare_rdms(rdm_brain, rdm, random_state=0)
    print(f"brain and {name}: r = {result.r:.2f}, p = {result.p:.3f}")

# %%
# When does a representation arise?
# ---------------------------------
#
# The patterns are now the measured responses of every time, without any model. The
# p-values are corrected for the number of times: a correlation is compared
# with the largest one of every permutation in the window.

course = mne_brainae.compare_rdms_over_time(
    measured, rdm_category, window=0.04, n_permutations=500, random_state=0
)
course.plot()

# %%
print(course)

# %%
# Features that are simple arise earlier than categories.

early = mne_brainae.compare_rdms_over_time(
    measured, rdm_features, window=0.04, n_permutations=500, random_state=0
)
for name, found in {"image features": early, "categories": course}.items():
    reached = found.table.index[found.table["p"] < 0.05]
    print(
        f"{name}: p < 0.05 from {reached.min():.2f} s, most at "
        f"{found.table['r'].idxmax():.2f} s"
    )

# %%
# On real data
# ------------
#
# ``mne_brainae benchmark objects-92`` compares monkey with human inferior temporal
# cortex on the 92 objects of Kriegeskorte et al. (2008), and finds the published
# correlation.

# %%
# What to read next
# -----------------
#
# * :ref:`tut-masking`: responses of which a part is missing.
# * :ref:`tut-neurons`: real neurons.
