"""Epochs are decoded as they come, from an object like a stream and from a real one."""

import uuid
from importlib.util import find_spec

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import mne_brainae

#: The recording has 20 concepts, of which probabilities are too sure, as models say.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Errors were learned from 20 concepts"),
]
needs_lsl = pytest.mark.skipif(
    find_spec("mne_lsl") is None, reason="mne-lsl is not installed"
)


class Recorded:
    """Epochs that come by turns, with the attributes of an EpochsStream."""

    def __init__(self, epochs, turns, bufsize=4):
        self.info, self.times = epochs.info, epochs.times
        self.data, self.codes = epochs.get_data(), np.arange(1, len(epochs) + 1)
        self.turns, self.bufsize = list(turns), bufsize
        self.n_come, self.n_new_epochs = 0, 0

    def acquire(self):
        n_new = self.turns.pop(0) if self.turns else 0
        self.n_come, self.n_new_epochs = self.n_come + n_new, self.n_new_epochs + n_new

    def get_data(self):
        self.n_new_epochs = 0
        return self._last(self.data)

    @property
    def events(self):
        return self._last(self.codes)

    def _last(self, values):
        before = np.zeros((self.bufsize, *values.shape[1:]), values.dtype)
        return np.concatenate([before, values[: self.n_come]])[-self.bufsize :]


@pytest.fixture(scope="module")
def linear(recording):
    return mne_brainae.fit(*recording, recipe="linear", random_state=0)


@pytest.fixture
def decoder(linear, unseen):
    return mne_brainae.LiveDecoder(linear, unseen[1])


def test_answers_are_those_of_retrieve(decoder, linear, unseen):
    epochs = unseen[0][:9]
    stream = Recorded(epochs, [0, 1, 0, 3, 4, 1])
    found = linear.retrieve(epochs, unseen[1], similarity="likelihood")
    guesses = list(decoder.listen(stream, n_epochs=9))
    assert [guess.event for guess in guesses] == list(range(1, 10))
    for guess, (_, expected) in zip(
        guesses, found.probabilities.iterrows(), strict=True
    ):
        assert guess.is_probability
        assert_allclose(
            guess.candidates[expected.index], expected, rtol=1e-4, atol=1e-6
        )
        assert guess.best == expected.idxmax()
        assert guess.candidates.is_monotonic_decreasing
        assert guess.seconds > 0


@pytest.mark.parametrize("similarity", ["cosine", "encoding"])
def test_other_similarities_are_those_of_retrieve(similarity, linear, unseen):
    epochs, features = unseen
    decoder = mne_brainae.LiveDecoder(linear, features, similarity=similarity)
    found = linear.retrieve(epochs[:3], features, similarity=similarity)
    assert_allclose(decoder.decode(epochs[:3]), found.similarity[:, :], rtol=1e-5)
    (guess,) = decoder.listen(Recorded(epochs, [1]), n_epochs=1)
    assert not guess.is_probability


def test_concepts(linear, unseen):
    epochs, features = unseen
    concepts = "new " + features.index.str[4:6]
    names = [f"other-{i}.png" for i in range(len(features))]
    index = pd.MultiIndex.from_arrays([concepts, names], names=["concept", "image"])
    templates = features.set_axis(index)
    decoder = mne_brainae.LiveDecoder(linear, templates=templates)
    found = linear.classify(epochs[:4], templates, similarity="likelihood")
    expected = found.probabilities
    decoded = decoder.decode(epochs[:4])[expected.columns]
    assert_allclose(decoded, expected, rtol=1e-4, atol=1e-6)
    assert "10 concepts" in repr(decoder)


def test_listening_ends(decoder, unseen):
    stream = Recorded(unseen[0], [1, 1, 1])
    assert len(list(decoder.listen(stream, n_epochs=2))) == 2
    assert len(list(decoder.listen(stream, timeout=0.05))) == 1
    assert not list(decoder.listen(stream, timeout=0.05))


def test_lost_epochs_are_told(decoder, unseen):
    stream = Recorded(unseen[0], [6])
    with pytest.warns(RuntimeWarning, match="2 epochs were lost"):
        guesses = list(decoder.listen(stream, timeout=0.05))
    assert [guess.event for guess in guesses] == [3, 4, 5, 6]


def test_a_threaded_stream_is_refused(decoder, unseen):
    stream = Recorded(unseen[0], [1])

    def refuse():
        raise RuntimeError("Acquisition is done automatically.")

    stream.acquire = refuse
    with pytest.raises(RuntimeError, match="acquisition_delay=None"):
        next(decoder.listen(stream))


def test_what_cannot_decode_is_refused(linear, unseen, recording):
    with pytest.raises(TypeError, match="identifies images"):
        mne_brainae.LiveDecoder(mne_brainae.GroupModel(), unseen[1])
    with pytest.warns(RuntimeWarning, match="too sure"):
        mne_brainae.LiveDecoder(linear, unseen[1])
    for both in ({}, {"images": unseen[1], "templates": unseen[1]}):
        with pytest.raises(ValueError, match="either images"):
            mne_brainae.LiveDecoder(linear, **both)
    with pytest.raises(TypeError, match="EpochsStream of mne_lsl"):
        next(mne_brainae.LiveDecoder(linear, unseen[1]).listen(recording[0]))


@needs_lsl
def test_a_player_on_this_machine(decoder, linear, unseen):
    """A recording is played through LSL, and every epoch of it gets an answer."""
    from mne_lsl.player import PlayerLSL
    from mne_lsl.stream import EpochsStream, StreamLSL

    epochs = unseen[0][:4]
    n_channels, n_times, n_gap = 16, len(epochs.times), 5
    # One epoch after another, each with its event at its onset.
    step = n_times + n_gap
    data = np.zeros((n_channels + 1, (len(epochs) + 2) * step))
    onsets = step * np.arange(1, len(epochs) + 1)
    for code, (onset, each) in enumerate(
        zip(onsets, epochs.get_data(), strict=True), 1
    ):
        begin = onset + round(100 * epochs.tmin)
        data[:n_channels, begin : begin + n_times] = each
        data[n_channels, onset : onset + 5] = code
    info = mne.create_info(
        [*epochs.ch_names, "STI"], 100.0, ["eeg"] * n_channels + ["stim"]
    )
    raw = mne.io.RawArray(data, info, verbose=False)
    name = f"live-{uuid.uuid4().hex[:8]}"
    begin, end = decoder.window
    player = PlayerLSL(raw, chunk_size=5, name=name, source_id=name)
    with player:
        stream = StreamLSL(bufsize=20.0, name=name, source_id=name)
        stream.connect(acquisition_delay=0.005, timeout=30)
        stream.set_channel_types({"STI": "stim"}, on_unit_change="ignore")
        codes = {str(code): code for code in range(1, len(epochs) + 1)}
        live = EpochsStream(
            stream, 20, codes, "STI", tmin=begin, tmax=end, baseline=None, picks="eeg"
        ).connect(acquisition_delay=None)
        guesses = list(decoder.listen(live, n_epochs=5, timeout=20.0))
        live.disconnect()
        stream.disconnect()
    assert len(guesses) == 5
    expected = decoder.decode(epochs)
    for guess in guesses:
        measured = epochs.get_data()[guess.event - 1]
        assert_allclose(guess.epochs.get_data()[0], measured, rtol=1e-4, atol=1e-10)
        row = expected.iloc[guess.event - 1]
        assert guess.best == row.idxmax()
