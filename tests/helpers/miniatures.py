"""Miniature files in the exact format of the data sets."""

import io
import json
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import mne
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat


def in_memory(write, *args, **kwargs):
    """Return what a function writes to a file."""
    buffer = io.BytesIO()
    write(buffer, *args, **kwargs)
    return buffer.getvalue()


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted(name, data, password):
    """Return a zip file of one encrypted file (APPNOTE.TXT, section 6.1)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"\0" * 12 + data)  # room for the encryption header
        info = archive.infolist()[0]
        info.CRC, info.flag_bits, info.file_size = zlib.crc32(data), 1, len(data)
    written = bytearray(buffer.getvalue())
    struct.pack_into("<H6xIII", written, 6, 1, info.CRC, len(data) + 12, len(data))
    plain = b"\0" * 11 + bytes([info.CRC >> 24]) + data
    start = 30 + len(name)
    written[start : start + len(plain)] = _zip_cipher(plain, password)
    return bytes(written)


def _zip_cipher(plain, password):
    # zlib inverts before and after; on an all-ones start that leaves the bare table.
    table = [zlib.crc32(bytes([i]), 0xFFFFFFFF) ^ 0xFFFFFFFF for i in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value, byte):
        return (value >> 8) ^ table[(value ^ byte) & 0xFF]

    def update(byte):
        keys[0] = crc(keys[0], byte)
        keys[1] = (keys[1] + (keys[0] & 0xFF)) * 134775813 + 1 & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in plain:
        k = keys[2] | 2
        out.append(byte ^ ((k * (k ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


# ---- THINGS-EEG2 -----------------------------------------------------------------

#: The order of the channels in the files of the authors.
EEG2_CHANNELS = """
Fp1 F3 F7 FT9 FC5 FC1 C3 T7 TP9 CP5 CP1 Pz P3 P7 O1 Oz O2 P4 P8 TP10 CP6 CP2 Cz C4 T8
FT10 FC6 FC2 F4 F8 Fp2 AF7 AF3 AFz F1 F5 FT7 FC3 FCz C1 C5 TP7 CP3 P1 P5 PO7 PO3 POz PO4
PO8 P6 P2 CPz CP4 TP8 C6 C2 FC4 FT8 F6 F2 AF4 AF8
"""
EEG2_CHANNELS = EEG2_CHANNELS.split()
#: Concepts by their number in THINGS, and images of each that were shown in training.
EEG2_TRAIN = {"00001_aardvark": 2, "00002_abacus": 2, "00004_air_mattress": 2}
EEG2_TEST = ("00010_aircraft_carrier", "00027_antelope")
TARGET = 99999


def eeg2_image_table():
    """Return the six lists of image_metadata.npy."""
    table = {}
    train = [
        (f"{number:05d}_{concept[6:]}", concept, f"{concept[6:]}_{i:02d}b.jpg")
        for number, (concept, n) in enumerate(EEG2_TRAIN.items(), 1)
        for i in range(1, n + 1)
    ]
    test = [
        (f"{number:05d}_{concept[6:]}", concept, f"{concept[6:]}_06s.jpg")
        for number, concept in enumerate(EEG2_TEST, 1)
    ]
    for partition, rows in {"train": train, "test": test}.items():
        folders, concepts, files = (list(column) for column in zip(*rows, strict=True))
        table[f"{partition}_img_concepts"] = folders
        table[f"{partition}_img_concepts_THINGS"] = concepts
        table[f"{partition}_img_files"] = files
    return table


def eeg2_codes(rng, codes, n_repetitions, n_targets):
    """Order the codes of a session; a target is never first."""
    order = rng.permutation(np.repeat(codes, n_repetitions))
    where = rng.choice(np.arange(1, len(order)), n_targets, replace=False)
    return np.insert(order, where, TARGET)


def eeg2_recording(rng, codes, responses, tail=2000):
    """Return the dictionary of one raw_eeg file: a response 100 ms after each onset."""
    onsets = 1500 + 200 * np.arange(len(codes))
    signal = 1e-5 * rng.standard_normal((63, onsets[-1] + tail))
    stim = np.zeros(signal.shape[1])
    stim[onsets] = codes
    for onset, code in zip(onsets, codes, strict=True):
        signal[:, onset + 100 : onset + 300] += responses[code][:, None]
    return {
        "raw_eeg_data": np.vstack([signal, stim]),
        "ch_names": [*EEG2_CHANNELS, "stim"],
        "ch_types": ["eeg"] * 63 + ["stim"],
        "sfreq": 1000,
        "highpass": 0.01,
        "lowpass": 100,
    }


def write_things_eeg2(folder, *, subjects=("01",), sessions=4, tail=2000, n_more=0):
    """Write a miniature of the raw THINGS-EEG2, and return what was shown when."""
    rng = np.random.default_rng(0)
    table = eeg2_image_table()
    folder = Path(folder)
    np.save(folder / "image_metadata.npy", table)
    counts = {"training": len(table["train_img_files"]), "test": len(EEG2_TEST)}
    shown = {}
    for subject in subjects:
        for session in range(1, sessions + 1):
            where = folder / f"sub-{subject}" / f"ses-{session:02d}"
            where.mkdir(parents=True)
            for name, n_images in counts.items():
                responses = dict(
                    zip(
                        [*range(1, n_images + 1), TARGET],
                        1e-4 * rng.standard_normal((n_images + 1, 63)),
                        strict=True,
                    )
                )
                mine = np.arange(1, n_images + 1)
                if name == "training":  # half of the images in each session
                    mine = mine[(mine + session) % 2 == 0]
                repetitions = (2 if name == "training" else 3) + n_more
                codes = eeg2_codes(rng, mine, repetitions, 2)
                recording = eeg2_recording(rng, codes, responses, tail)
                np.save(where / f"raw_eeg_{name}.npy", recording)
                shown[subject, session, name] = codes, recording["raw_eeg_data"]
    return shown


def write_pictures(folder, names):
    """Write small images of different colors."""
    rng = np.random.default_rng([1, *str(names[0]).encode()])
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(folder / name)


# ---- TVSD ------------------------------------------------------------------------

TVSD_CONCEPTS = ("aardvark", "abacus", "accordion", "acorn")
#: Concepts that are tested; their other images are shown in training, too.
TVSD_TEST = ("abacus", "acorn")
N_SHOWN, N_REPEATS = 3, 16


def matlab(path, fill):
    """Write a MATLAB file of version 7.3, whose axes HDF5 shows in reverse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    text = b"MATLAB 7.3 MAT-file".ljust(116) + b" " * 8 + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(text)


def _things_imgs(file, pictures):
    """Write texts as MATLAB does: references to columns of UTF-16."""
    texts = file.create_group("#refs#")

    def reference(text):
        dataset = texts.create_dataset(
            str(len(texts)),
            data=np.frombuffer(text.encode("utf-16-le"), "<u2")[:, None],
        )
        dataset.attrs["MATLAB_class"] = np.bytes_("char")
        dataset.attrs["MATLAB_int_decode"] = 2
        return dataset.ref

    for partition, rows in pictures.items():
        group = file.create_group(f"{partition}_imgs")
        for key, format_ in (
            ("class", "{0}"),
            ("things_path", "{0}\\{1}"),
            ("local_path", "C:\\img\\{1}"),
        ):
            column = [[reference(format_.format(*row))] for row in rows]
            group.create_dataset(key, data=column, dtype=h5py.ref_dtype)


def tvsd_pictures():
    """Return concept and file of every image, by partition."""
    train = [
        (c, f"{c}_{i:02d}b.jpg") for c in TVSD_CONCEPTS for i in range(1, N_SHOWN + 1)
    ]
    return {"train": train, "test": [(c, f"{c}_14s.jpg") for c in TVSD_TEST]}


def write_tvsd(folder, subject="F", *, n_channels=32, first=-99, n_rows=6, swap=True):
    """Write a miniature of TVSD; return the trials in physical order, and their table.

    Channel 3 is constant, channel 5 often missing, and one trial lacks a value of
    channel 7, all in physical order from 0. Days are shuffled.
    """
    rng = np.random.default_rng(0)
    folder = Path(folder) / f"monkey{subject}"
    pictures = tvsd_pictures()
    n_train, n_test = len(pictures["train"]), len(pictures["test"])
    shown = [(i, 0) for i in range(1, n_train + 1)]
    shown += [(0, i) for i in range(1, n_test + 1)] * N_REPEATS
    shown = np.array(shown)[rng.permutation(len(shown))]
    n_trials = len(shown)
    about = np.zeros((n_rows, n_trials))
    about[0] = np.arange(1, n_trials + 1)
    about[1:3] = shown.T
    about[4] = np.arange(n_trials) % 4 + 1
    about[-1] = rng.permutation(np.arange(n_trials) % 2) + 1
    times = np.arange(first, first + 300)
    data = rng.standard_normal((n_trials, n_channels, 300)) + 3
    tuning = rng.standard_normal((n_train + n_test + 1, n_channels)) * 5
    which = np.where(shown[:, 0] > 0, shown[:, 0], n_train + shown[:, 1])
    data[:, :, times > 40] += tuning[which][:, :, None]
    data[:, 3] = 1.0
    data[: n_trials // 2, 5] = np.nan
    data[4, 7, 100] = np.nan
    mapping = np.arange(n_channels)
    if swap:  # its own inverse, as the real one should be
        pairs = rng.permutation(n_channels).reshape(-1, 2)
        mapping[pairs[:, 0]], mapping[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    else:
        mapping = np.roll(mapping, 1)
    recorded = np.empty_like(data)
    recorded[:, mapping] = data

    def trials(file):
        contents = {
            "ALLMUA": recorded.transpose(2, 0, 1),
            "ALLMAT": about,
            "tb": times[:, None].astype(float),
        }
        for key, value in contents.items():
            file.create_dataset(key, data=value).attrs["MATLAB_class"] = b"double"

    def normalized(file):
        window = data[:, :, times > 40].mean(axis=2)
        order = np.argsort(np.where(shown[:, 0] > 0, shown[:, 0], 999))[:n_train]
        file["train_MUA"] = window[order]
        repeats = [window[shown[:, 1] == i] for i in range(1, n_test + 1)]
        file["test_MUA_reps"] = np.stack(repeats, axis=1)
        file["test_MUA"] = np.mean(np.stack(repeats, axis=1), axis=0)

    matlab(folder / "THINGS_MUA_trials.mat", trials)
    matlab(folder / "THINGS_normMUA.mat", normalized)
    matlab(folder / "_logs/things_imgs.mat", lambda file: _things_imgs(file, pictures))
    savemat(
        folder / "_logs/1024chns_mapping_20220105.mat", {"mapping": mapping[None] + 1}
    )
    return data, about, times / 1000


# ---- THINGS-MEG ------------------------------------------------------------------

#: Image numbers of THINGS by concept: those shown in training, then the test one.
MEG_TRAIN = {"aardvark": (1, 2, 3), "abacus": (15, 16, 17), "accordion": (29, 30, 31)}
MEG_TEST = {"abacus": 27}
CATCH = 999999


def meg_names():
    """The 272 sensors, of which the authors leave MRO11 out."""
    layout = mne.channels.read_layout("CTF275").names
    absent = {"MLF25", "MRF43", "MRO13"}
    return [f"{name}-1609" for name in layout if name not in absent and name[0] == "M"]


def meg_info(sfreq, names, *, stim=()):
    """Describe CTF sensors as MNE-Python does: gradiometers of type mag."""
    types = ["mag"] * len(names) + ["stim"] * len(stim)
    info = mne.create_info([*names, *stim], sfreq, types)
    for channel in info["chs"][: len(names)]:
        channel["coil_type"] = 5001  # FIFFV_COIL_CTF_GRAD
    return info


def meg_attributes(shown, n_per_session):
    """Return the 18 columns of sample_attributes for the image numbers shown."""
    rows = []
    for index, number in enumerate(shown):
        concept = next(
            (c for c in MEG_TRAIN if number in (*MEG_TRAIN[c], MEG_TEST.get(c))), None
        )
        is_test = number in MEG_TEST.values()
        first = MEG_TRAIN[concept][0] if concept else np.nan
        exemplar = number - first + 1
        name = f"{concept}_{exemplar:02.0f}{'s' if is_test else 'b'}.jpg"
        path = f"images_test_meg/{name}" if is_test else f"images_meg/{concept}/{name}"
        rows.append(
            {
                "trial_type": "test" if is_test else "exp" if concept else "catch",
                "image_nr": index + 1,
                "category_nr": 1 if concept else 1855,
                "exemplar_nr": exemplar,
                "test_image_nr": 1.0 if is_test else np.nan,
                "things_category_nr": 1.0 if concept else np.nan,
                "things_image_nr": float(number) if concept else np.nan,
                "things_exemplar_nr": exemplar,
                "image_path": path if concept else "images_catch_meg/1.jpg",
                "onset": 1.5 * index,
                "image_on": 0.0,
                "image_off": 0.5,
                "responded": 0,
                "key_id": np.nan,
                "key_time": np.nan,
                "RT": np.nan,
                "session_nr": index // n_per_session + 1,
                "run_nr": 1,
            }
        )
    return pd.DataFrame(rows)


def meg_shown(rng, n_sessions=2):
    """Order the image numbers: training once, tests and catches in every session."""
    train = rng.permutation([n for numbers in MEG_TRAIN.values() for n in numbers])
    parts = np.array_split(train, n_sessions)
    often = [*MEG_TEST.values()] * 3 + [CATCH] * 2
    return [rng.permutation([*part, *often]) for part in parts]


def write_things_meg(folder, *, tail=1.5):
    """Write a miniature of the raw data set: one run in each of two sessions, as FIF.

    As in the real one, channels.tsv calls the sensors OTHER, events.tsv writes N/A for
    catches and numbers as floats, there is junk, and one run lacks its sidecars.
    """
    rng = np.random.default_rng(0)
    folder = Path(folder)
    names = meg_names()
    shown = meg_shown(rng)
    (folder / "sourcedata").mkdir(parents=True)
    everything = meg_attributes(np.concatenate(shown), len(shown[0]))
    everything.to_csv(folder / "sourcedata/sample_attributes_P1.csv", index=False)
    written = []
    for session, numbers in enumerate(shown, 1):
        where = folder / f"sub-BIGMEG1/ses-{session:02d}/meg"
        where.mkdir(parents=True)
        stem = f"sub-BIGMEG1_ses-{session:02d}_task-main_run-01"
        onsets = (1200 * (0.5 + 0.6 * np.arange(len(numbers)))).astype(int)
        n_samples = onsets[-1] + round(1200 * tail)
        data = 1e-13 * rng.standard_normal((len(names) + 1, n_samples))
        data[-1] = 0
        for onset, number in zip(onsets, numbers, strict=True):
            data[: len(names), onset + 120 : onset + 360] += 1e-12 * np.sin(
                number * np.arange(len(names))
            ).reshape(-1, 1)
        raw = mne.io.RawArray(data, meg_info(1200.0, names, stim=["UPPT001"]))
        raw.save(where / f"{stem}_meg.fif", fmt="double")
        lines = ["onset\tduration\ttrial_type\tthings_category_nr\tvalue\tsample"]
        for onset, number in zip(onsets, numbers, strict=True):
            kind = "catch" if number == CATCH else "exp"
            kind = "test" if number in MEG_TEST.values() else kind
            what = "N/A\tN/A" if number == CATCH else f"1.0\t{float(number)}"
            lines.append(f"{onset / 1200}\t0.5\t{kind}\t{what}\t{onset}")
        (where / f"{stem}_events.tsv").write_text("\n".join(lines) + "\n")
        if session == 1:
            channels = ["name\ttype\tunits\tstatus", "UPPT001\tMISC\tV\tgood"]
            channels += [f"{name}\tOTHER\tV\tgood" for name in names]
            (where / f"{stem}_channels.tsv").write_text("\n".join(channels) + "\n")
            (where / f"._{stem}_meg.fif").write_bytes(b"junk")
            (where / ".DS_Store").write_bytes(b"junk")
        written.append((numbers, onsets, data))
    return written


def write_things_meg_epochs(folder, split_size="2MB"):
    """Write a miniature of the epochs of the authors, in several files."""
    rng = np.random.default_rng(0)
    shown = meg_shown(rng)
    numbers = np.concatenate(shown)
    names = [name for name in meg_names() if not name.startswith("MRO11")]
    data = rng.standard_normal((len(numbers), len(names), 281)).astype(np.float32)
    events = np.column_stack([500 * np.arange(len(numbers)), 0 * numbers, numbers])
    epochs = mne.EpochsArray(
        data,
        meg_info(200.0, names),
        events,
        tmin=-0.1,
        metadata=meg_attributes(numbers, len(shown[0])),
    )
    file = Path(folder) / "preprocessed_P1-epo.fif"
    epochs.save(file, split_size=split_size, split_naming="neuromag")
    return file, data, numbers


def assert_valid_bids(bids_root, bare):
    """The validator of BIDS finds no error, and without images only theirs."""
    pytest.importorskip("bids_validator_deno", reason="needs bids-validator-deno")
    assert _errors(bids_root) == set()
    shutil.copytree(bids_root, bare, ignore=shutil.ignore_patterns("stimuli"))
    assert _errors(bare) == {"STIMULUS_FILE_MISSING"}


def _errors(bids_root):
    """Return the codes of the errors that the validator of BIDS finds."""
    code = "from bids_validator_deno import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", code, bids_root, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    return {issue["code"] for issue in issues if issue["severity"] == "error"}
