"""
.. _tut-live:

======================
Decoding from a stream
======================

A model can answer while a recording runs. This tutorial plays a recording as an
amplifier would send it, cuts epochs from the stream by
`MNE-LSL <https://mne.tools/mne-lsl>`__, and decodes each of them as soon as its last
sample is there. MNE-LSL comes with the extra ``online``.

.. important::

   The recording below is **simulated**, and of single trials. What it shows about
   accuracy is what the simulation put there.
"""

# License: BSD-3-Clause

# %%
# A model and its candidates
# --------------------------
#
# Everything that takes time happens before the stream begins: the fit, the features of
# the candidates and their places in the shared space. Here there are ten images to
# choose from.

import matplotlib.pyplot as plt
import mne
import numpy as np
from mne_lsl.player import PlayerLSL
from mne_lsl.stream import EpochsStream, StreamLSL

import mne_brainae

data = mne_brainae.datasets.simulate(
    n_train_concepts=60,
    n_test_concepts=10,
    n_templates=0,
    snr=0.01,
    random_state=0,
)
features = mne_brainae.compute_image_features(data.images, "gabor")
model = mne_brainae.fit(data.train, features, recipe="linear", random_state=0)

shown = list(dict.fromkeys(data.test.metadata["image"]))
decoder = mne_brainae.LiveDecoder(model, features.loc[shown])
print(decoder)

# %%
# A stream
# --------
#
# In a laboratory the amplifier is the stream, and this section is not needed. Here a
# player sends twelve test trials, one per second, with an event at every onset. The
# code of an event is the number of the trial; an experiment would send that of the
# image, or any other.

trials = data.test[np.random.default_rng(0).permutation(len(data.test))[:12]]
sfreq = trials.info["sfreq"]
step, shift = round(sfreq), round(trials.tmin * sfreq)
track = np.zeros((len(trials.ch_names) + 1, (len(trials) + 1) * step))
for number, trial in enumerate(trials.get_data(), 1):
    begin = number * step + shift
    track[:-1, begin : begin + trial.shape[1]] = trial
    track[-1, number * step] = number
info = mne.create_info([*trials.ch_names, "STI"], sfreq, ["eeg"] * 63 + ["stim"])
raw = mne.io.RawArray(track, info, verbose=False)
player = PlayerLSL(raw, chunk_size=1, name="amplifier", source_id="tutorial").start()

# %%
# Epochs from the stream
# ----------------------
#
# ``decoder.window`` is the window of the fit. ``acquisition_delay=None`` leaves it to
# the decoder to ask for new epochs. Filters, reference and baseline must be those of
# the fit: ``StreamLSL`` has methods for them, as Raw has.

stream = StreamLSL(bufsize=5.0, name="amplifier", source_id="tutorial").connect()
stream.set_channel_types({"STI": "stim"}, on_unit_change="ignore")
tmin, tmax = decoder.window
epochs = EpochsStream(
    stream,
    bufsize=10,
    event_id={str(number): number for number in range(1, len(trials) + 1)},
    event_channels="STI",
    tmin=tmin,
    tmax=tmax,
    baseline=None,
    picks="eeg",
).connect(acquisition_delay=None)

# %%
# Answers
# -------
#
# ``listen`` yields a :class:`mne_brainae.Guess` for every epoch: candidates with their
# probabilities, the epoch itself, and how long the model took. Here it ends after ten;
# without ``n_epochs`` it goes on until no epoch has come for ``timeout`` seconds.

names = trials.metadata["image"].to_numpy()
hits = []
for guess in decoder.listen(epochs, n_epochs=10, timeout=20.0):
    truth = names[guess.event - 1]
    hits.append(guess.best == truth)
    said = "right" if hits[-1] else f"it was {truth}"
    print(f"{guess.best} with p = {guess.candidates.iloc[0]:.2f}: {said}")

epochs.disconnect()
stream.disconnect()
player.stop()
print(f"{sum(hits)} of {len(hits)} right, by chance {len(hits) / len(shown):.0f}")

# %%
# ``mne_brainae benchmark live`` measures the whole way on your machine, from the last
# sample of an epoch to the answer.
#
# Several trials of one image
# ---------------------------
#
# An answer to several trials is surer than to one. If an experiment shows an image
# again and again, probabilities of single trials multiply, since their noise is
# independent: one can stop as soon as the answer is sure enough. What the model gets
# wrong about an image is the same in all its trials, so that many trials together are a
# little too sure.

again = data.test[(data.test.metadata["image"] == names[0]).to_numpy()]
evidence = np.log(decoder.decode(again)).cumsum()
probabilities = np.exp(evidence.sub(evidence.max(axis=1), axis=0))
probabilities = probabilities.div(probabilities.sum(axis=1), axis=0)
n_trials = np.arange(1, len(probabilities) + 1)

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(n_trials, probabilities.drop(columns=names[0]), color="0.8", linewidth=0.8)
ax.plot(n_trials, probabilities[names[0]], "o-", label="the image that was shown")
ax.plot([], color="0.8", label="every other image")
ax.axhline(1 / len(shown), color="0.5", linestyle="--", label="chance")
ax.set(xlabel="trials of one image", ylabel="probability", ylim=(-0.02, 1.02))
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend(frameon=False, loc="center right")

# %%
# ``LiveDecoder(model, templates=...)`` chooses among concepts instead of images.
#
# What to read next
# -----------------
#
# * :ref:`decoding`: what can be computed from probabilities.
# * :doc:`/guide/expectations`: how much a single trial tells.
# * :doc:`/ethics`: before you decode somebody who is present.
