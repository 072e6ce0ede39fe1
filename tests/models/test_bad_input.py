"""Wrong input meets an error that says what to do."""

import mne
import numpy as np
import pandas as pd
import pytest
from building import brain_ae
from PIL import Image
from sklearn.exceptions import NotFittedError

import mne_brainae

QUICK = {"max_epochs": 1, "min_updates": 1}


def changed(epochs, **columns):
    """Copy epochs and change columns of their metadata; None drops a column."""
    epochs = epochs.copy()
    table = epochs.metadata.copy()
    for name, values in columns.items():
        table = (
            table.drop(columns=name)
            if values is None
            else table.assign(**{name: values})
        )
    epochs.metadata = table
    return epochs


def spoiled(epochs, value):
    epochs = epochs.copy()
    epochs.get_data(copy=False)[3, 2, 1] = value
    return epochs


def reordered(epochs):
    return epochs.copy().reorder_channels(epochs.ch_names[::-1])


@pytest.fixture(scope="module")
def new(small):
    """Make a model that would fit quickly."""
    return lambda **params: brain_ae(**(small | QUICK | params))


@pytest.fixture(scope="module")
def brain_only(new, recording):
    return new().fit(recording[0])


@pytest.fixture(scope="module")
def templates(unseen):
    concepts = unseen[0].metadata["concept"].unique()
    index = pd.MultiIndex.from_product(
        [concepts, ["other_0.png", "other_1.png"]], names=["concept", "image"]
    )
    rows = np.random.default_rng(2).standard_normal((len(index), 12))
    return pd.DataFrame(rows.astype(np.float32), index=index)


# -- epochs and their metadata -------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.zeros((4, 2, 3)), None, "epochs.fif"])
def test_epochs_of_wrong_type(wrong, new, model, recording):
    _, table = recording
    with pytest.raises(TypeError, match="epochs must be Epochs of MNE-Python"):
        new().fit(wrong, table)
    for method in (model.embed_epochs, model.retrieve, model.reconstruct, model.score):
        with pytest.raises(TypeError, match="epochs must be Epochs of MNE-Python"):
            method(wrong)
    with pytest.raises(TypeError, match="epochs must be Epochs of MNE-Python"):
        mne_brainae.average_repetitions(wrong)
    with pytest.raises(TypeError, match="epochs must be Epochs of MNE-Python"):
        mne_brainae.mask_epochs(wrong)


def test_no_metadata(new, model, recording, unseen):
    epochs, table = recording
    bare = epochs.copy()
    bare.metadata = None
    with pytest.raises(ValueError, match=r"metadata is None.*column 'image'"):
        new().fit(bare, table)
    with pytest.raises(ValueError, match=r"metadata is None.*column 'image'"):
        mne_brainae.average_repetitions(bare)
    with pytest.raises(ValueError, match="by='subject' is not a column"):
        mne_brainae.average_repetitions(bare, by="subject")
    bare = unseen[0].copy()
    bare.metadata = None
    with pytest.raises(ValueError, match=r"metadata is None.*column 'image'"):
        model.retrieve(bare, unseen[1])
    with pytest.raises(ValueError, match=r"metadata is None.*column 'image'"):
        model.score(bare, unseen[1])


def test_no_image_column(new, recording):
    epochs, table = recording
    with pytest.raises(ValueError, match=r"no column 'image', only 'concept'"):
        new().fit(changed(epochs, image=None), table)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_image_names_missing(missing, new, recording):
    epochs, table = recording
    names = epochs.metadata["image"].astype(object).to_list()
    names[3] = missing
    with pytest.raises(ValueError, match=r"\['image'\] is missing for epochs '3'"):
        new().fit(changed(epochs, image=names), table)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_epochs_not_finite(value, new, model, recording, unseen):
    epochs, table = recording
    with pytest.raises(ValueError, match="epochs must be finite"):
        new().fit(spoiled(epochs, value), table)
    with pytest.raises(ValueError, match=r"epochs must be finite, but rows '3'"):
        model.embed_epochs(spoiled(unseen[0], value))
    with pytest.raises(ValueError, match="epochs must be finite"):
        model.retrieve(spoiled(unseen[0], value), unseen[1])
    with pytest.raises(ValueError, match="epochs must be finite"):
        model.score(spoiled(unseen[0], value), unseen[1])
    with pytest.raises(ValueError, match="epochs must be finite"):
        mne_brainae.average_repetitions(spoiled(epochs, value))


def test_infinite_is_not_missing(model, unseen):
    with pytest.raises(ValueError, match="epochs must be finite"):
        model.reconstruct(spoiled(unseen[0], np.inf))


# -- image features ------------------------------------------------------------------


def test_features_doubled(new, recording):
    epochs, table = recording
    with pytest.raises(ValueError, match=r"more than once: '00/00_0.png'"):
        new().fit(epochs, pd.concat([table, table.iloc[:1]]))


def test_features_lack_images(new, recording):
    epochs, table = recording
    with pytest.raises(ValueError, match=r"00/00_0\.png"):
        new().fit(epochs, table.iloc[1:])


def test_candidates_doubled(model, unseen):
    epochs, table = unseen
    with pytest.raises(ValueError, match="more than once"):
        model.retrieve(epochs, pd.concat([table, table.iloc[:1]]))


def test_candidates_lack_the_truth(model, unseen):
    epochs, table = unseen
    with pytest.raises(ValueError, match=r"gallery lacks.*new/00/00_0\.png"):
        model.retrieve(epochs, table.iloc[1:])


def test_score_lacks_images(model, unseen):
    epochs, table = unseen
    with pytest.raises(ValueError, match=r"new/00/00_0\.png"):
        model.score(epochs, table.iloc[1:])


@pytest.mark.parametrize("shape", [(3, 12), (80, 12), (160,), (160, 3, 4)])
def test_array_of_wrong_shape(shape, new, recording):
    with pytest.raises(ValueError, match=r"shape \(n_epochs, n_features\) with 160"):
        new().fit(recording[0], np.zeros(shape))


def test_array_with_differing_rows(new, recording):
    epochs, table = recording
    names = epochs.metadata["image"]
    rows = table.loc[names].to_numpy(copy=True)
    rows[np.flatnonzero(names == names.iloc[0])[1]] += 1
    with pytest.raises(
        ValueError, match=f"different rows of features in images: '{names[0]}'"
    ):
        new().fit(epochs, rows)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_not_finite(value, new, model, recording, unseen):
    epochs, table = recording
    wrong = table.copy()
    wrong.iloc[4, 3] = value
    with pytest.raises(ValueError, match="images must be finite"):
        new().fit(epochs, wrong)
    rows = table.loc[epochs.metadata["image"]].to_numpy(copy=True)
    rows[0, 0] = value
    with pytest.raises(ValueError, match="images must be finite"):
        new().fit(epochs, rows)
    with pytest.raises(ValueError, match="images must be finite"):
        model.predict_epochs(rows[:2])
    wrong = unseen[1].copy()
    wrong.iloc[4, 3] = value
    with pytest.raises(ValueError, match="images must be finite"):
        model.retrieve(unseen[0], wrong)


def test_wrong_number_of_features(model, unseen, templates):
    message = "5 features, but the model was fitted on 12"
    for method in (model.predict_epochs, model.predict_evoked, model.embed_images):
        with pytest.raises(ValueError, match=message):
            method(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=message):
        model.retrieve(unseen[0], unseen[1].iloc[:, :5])
    with pytest.raises(ValueError, match=message):
        model.classify(unseen[0], templates.iloc[:, :5])


def test_features_in_another_order(model, unseen):
    with pytest.raises(ValueError, match="another order than at fit"):
        model.predict_epochs(unseen[1].iloc[:, ::-1])


def test_pictures_for_a_model_of_features(model, unseen, tmp_path):
    picture = Image.new("RGB", (8, 8))
    for images in ([picture], {"a": picture}, picture, tmp_path):
        with pytest.raises(ValueError, match=r"fitted on ready features"):
            model.predict_epochs(images)
    with pytest.raises(ValueError, match=r"fitted on ready features"):
        model.retrieve(unseen[0], tmp_path)


def test_no_candidates(model, unseen):
    with pytest.raises(ValueError, match="no column 'image_path'"):
        model.retrieve(unseen[0])
    with pytest.raises(ValueError, match="no column 'image_path'"):
        model.score(unseen[0])


def test_brain_only_model(brain_only, unseen, templates):
    epochs, table = unseen
    calls = (
        lambda: brain_only.predict_epochs(table),
        lambda: brain_only.predict_evoked(table),
        lambda: brain_only.embed_images(table),
        lambda: brain_only.retrieve(epochs, table),
        lambda: brain_only.classify(epochs, templates),
        lambda: brain_only.score(epochs, table),
    )
    for call in calls:
        with pytest.raises(RuntimeError, match="fitted without images"):
            call()


@pytest.mark.parametrize("content", ["none", "text", "half"])
def test_unreadable_picture(content, new, recording, tmp_path):
    epochs = recording[0][:20]
    names = epochs.metadata["image"].unique()
    rng = np.random.default_rng(0)
    paths = {}
    for name in names:
        paths[name] = tmp_path / name.replace("/", "-")
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(paths[name])
    wrong = paths[names[2]]
    data = {"none": b"", "text": b"no image", "half": wrong.read_bytes()[:300]}
    wrong.write_bytes(data[content])
    with pytest.raises(ValueError, match=f"Cannot read the image .*{wrong.name}"):
        mne_brainae.compute_image_features(paths)
    with pytest.raises(ValueError, match=f"Cannot read the image .*{wrong.name}"):
        new().fit(epochs, paths)
    wrong.unlink()
    with pytest.raises(FileNotFoundError, match=f"do not exist: .*{wrong.name}"):
        new().fit(epochs, paths)


# -- the space of the fit ------------------------------------------------------------


def test_other_channels(model, unseen):
    epochs = unseen[0].copy().rename_channels(lambda name: f"X{name}")
    for method in (model.embed_epochs, model.reconstruct):
        with pytest.raises(ValueError, match=r"none of the channels .* absent or bad"):
            method(epochs)
    with pytest.raises(ValueError, match=r"none of the channels .* absent or bad"):
        model.score(epochs, unseen[1])


def test_other_channel_order(model, unseen):
    for method in (model.embed_epochs, model.reconstruct):
        with pytest.raises(ValueError, match=r"another order.*reorder_channels"):
            method(reordered(unseen[0]))


@pytest.mark.parametrize("how", ["crop", "shift", "resample"])
def test_other_times(how, model, unseen):
    epochs = unseen[0].copy()
    if how == "crop":
        epochs.crop(0.0, 0.2)
    elif how == "shift":
        epochs.shift_time(0.05)
    else:
        epochs.decimate(2, verbose="ERROR")
    with pytest.raises(ValueError, match=r"times from .* Crop or resample"):
        model.embed_epochs(epochs)
    with pytest.raises(ValueError, match=r"times from .* Crop or resample"):
        model.score(epochs, unseen[1])


def test_window_shorter_than_kernels(new, recording):
    with pytest.raises(ValueError, match=r"has 40 times.*need at least 43"):
        new(kernel_length=39).fit(*recording)


# -- sizes and options ---------------------------------------------------------------


def test_one_concept(new, recording):
    epochs, table = recording
    with pytest.raises(ValueError, match=r"always 'cat'. At least two"):
        new().fit(changed(epochs, concept="cat"), table)


@pytest.mark.parametrize("n_images", [1, 3])
def test_too_few_images(n_images, new, recording):
    epochs, table = recording
    few = epochs[epochs.metadata["image"].isin(table.index[:n_images]).to_numpy()]
    with pytest.raises(ValueError, match=f"show {n_images} different.*at least 4"):
        new().fit(few, table)


def test_batch_of_one(new, recording):
    with pytest.raises(ValueError, match=r"'batch_size'.*Got 1"):
        new(batch_size=1).fit(*recording)


@pytest.mark.parametrize(
    "params",
    [
        {"brain_encoder": "resnet"},
        {"brain_decoder": "resnet"},
        {"image_projection": "cubic"},
        {"validation": "subject"},
        {"standardize": "sample"},
    ],
)
def test_unknown_option(params, new, recording):
    (name,) = params
    with pytest.raises(ValueError, match=rf"'{name}'.*must be a str among"):
        new(**params).fit(*recording)


def test_unknown_image_encoder(new, recording):
    epochs = recording[0][:20]
    pictures = {name: Image.new("RGB", (8, 8)) for name in epochs.metadata["image"]}
    with pytest.raises(ValueError, match=r"image_encoder.*gabor"):
        new(image_encoder="vgg").fit(epochs, pictures)


@pytest.mark.parametrize("name", ["temperature", "learning_rate", "validation_size"])
def test_not_positive(name, new, recording):
    with pytest.raises(ValueError, match=rf"'{name}'.*range \(0.0, inf\). Got 0"):
        new(**{name: 0}).fit(*recording)


def test_unknown_recipe(recording):
    with pytest.raises(ValueError, match=r"recipe must be.*paper"):
        mne_brainae.fit(*recording, recipe="fast")


def test_unknown_output(model, unseen):
    for method, given in (
        (model.predict_epochs, unseen[1]),
        (model.reconstruct, unseen[0]),
    ):
        with pytest.raises(ValueError, match=r"'output'.*'array'"):
            method(given, output="tensor")


def test_unknown_mask(recording):
    with pytest.raises(ValueError, match=r"'kind'.*'forecast'"):
        mne_brainae.mask_epochs(recording[0], "diagonal")
    for ratio in (0, 1, -0.5, 2):
        with pytest.raises(ValueError, match=r"'ratio' parameter"):
            mne_brainae.mask_epochs(recording[0], ratio=ratio)
    with pytest.raises(ValueError, match=r"'block' parameter.*Got 0"):
        mne_brainae.make_mask("random", (2, 3, 4), block=0)
    with pytest.raises(ValueError, match="has only one part"):
        mne_brainae.make_mask("spatial", (2, 1, 4))
    with pytest.raises(ValueError, match=r"shape \(3,\), which does not fit"):
        mne_brainae.mask_epochs(recording[0], np.zeros(3, bool))
    with pytest.raises(TypeError, match="an array of bool"):
        mne_brainae.mask_epochs(recording[0], np.zeros((1, 1, 1)))


def test_no_split(model, unseen):
    predicted = model.predict_epochs(unseen[1])
    with pytest.raises(ValueError, match=r"'n_splits' parameter.*Got 0"):
        mne_brainae.score_encoding(unseen[0], predicted, model.evoked_, n_splits=0)


def test_no_picture(model, unseen):
    with pytest.raises(ValueError, match="empty"):
        model.predict_epochs(unseen[1].iloc[:0])


# -- templates -----------------------------------------------------------------------


def test_template_is_a_test_stimulus(model, unseen, templates):
    epochs, table = unseen
    shown = table.iloc[[0]].set_axis(
        pd.MultiIndex.from_tuples([("new 00", table.index[0])])
    )
    with pytest.raises(ValueError, match=r"are test stimuli: 'new/00/00_0\.png'"):
        model.classify(epochs, pd.concat([templates, shown]))
    by_file = shown.set_axis(pd.MultiIndex.from_tuples([("new 00", "00_0.png")]))
    with pytest.raises(ValueError, match=r"are test stimuli: '00_0\.png'"):
        model.classify(epochs, pd.concat([templates, by_file]))


@pytest.mark.parametrize("form", ["table", "mapping"])
def test_templates_of_one_concept(form, model, unseen, templates):
    epochs = unseen[0][(unseen[0].metadata["concept"] == "new 00").to_numpy()]
    one = templates.loc[["new 00"]]
    given = one if form == "table" else {"new 00": one.droplevel(0)}
    with pytest.raises(ValueError, match="at least two"):
        model.classify(epochs, given)


def test_templates_lack_a_concept(model, unseen, templates):
    with pytest.raises(ValueError, match=r"lack these concepts.*'new 00'"):
        model.classify(unseen[0], templates.drop("new 00", level=0))


def test_templates_of_other_form(model, unseen, templates, tmp_path):
    with pytest.raises(ValueError, match=r"indexed by \(concept, image\)"):
        model.classify(unseen[0], templates.droplevel(0))
    with pytest.raises(TypeError, match="templates must be"):
        model.classify(unseen[0], templates.to_numpy())
    with pytest.raises(FileNotFoundError, match="folder of templates"):
        model.classify(unseen[0], tmp_path / "absent")


def test_no_concept_column(model, unseen, templates):
    with pytest.raises(ValueError, match="no column 'concept'"):
        model.classify(changed(unseen[0], concept=None), templates)


@pytest.mark.parametrize("file", ["00_0.png", "00_0"])
@pytest.mark.parametrize("suffix", ["", ".png"])
def test_stimulus_with_or_without_suffix(file, suffix, model, unseen, templates):
    """Names may leave out the suffix, so a stimulus may differ by it alone."""
    epochs, table = unseen
    names = epochs.metadata["image"].str.removesuffix(".png") + suffix
    shown = table.iloc[[0]].set_axis(pd.MultiIndex.from_tuples([("new 00", file)]))
    with pytest.raises(ValueError, match="are test stimuli"):
        model.classify(changed(epochs, image=names), pd.concat([templates, shown]))


# -- unfitted models, checkpoints ------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    [
        "embed_epochs",
        "embed_images",
        "predict_epochs",
        "predict_evoked",
        "retrieve",
        "classify",
        "reconstruct",
        "score",
        "save",
        "evoked_",
    ],
)
def test_unfitted(method, new, unseen, templates, tmp_path):
    epochs, table = unseen
    arguments = {
        "embed_images": (table,),
        "predict_epochs": (table,),
        "predict_evoked": (table,),
        "retrieve": (epochs, table),
        "classify": (epochs, templates),
        "score": (epochs, table),
        "save": (tmp_path / "model.safetensors",),
    }
    model = new()
    with pytest.raises(NotFittedError, match="not fitted"):
        getattr(model, method)(*arguments.get(method, (epochs,)))
    assert not list(tmp_path.iterdir())


def test_checkpoint_of_other_data(new, recording, tmp_path):
    epochs, table = recording
    path = tmp_path / "checkpoint.safetensors"
    new(checkpoint=path).fit(epochs, table)
    with pytest.raises(ValueError, match="other data or settings"):
        new(checkpoint=path, temperature=0.1).fit(epochs, table)


def test_wrong_picks(new, recording):
    with pytest.raises(ValueError, match="picks"):
        new(picks=["EEG 999"]).fit(*recording)


def test_raw_has_no_images(new, recording):
    raw = mne.io.RawArray(np.zeros((16, 50)), recording[0].info.copy())
    with pytest.raises(TypeError, match="epochs must be Epochs of MNE-Python"):
        new().fit(raw, recording[1])


def test_picks_in_another_order_are_taken_as_recorded(new, recording, unseen):
    first = list(recording[0].ch_names[:3])
    model = new(picks=first[::-1]).fit(*recording)
    assert model.info_["ch_names"] == first
    assert len(model.embed_epochs(unseen[0])) == len(unseen[0])


@pytest.mark.parametrize("kind", ["BrainAE", "LinearEncodingModel"])
def test_nan_is_noticed_before_pictures_are_encoded(kind, recording):
    def encode(pictures):
        raise AssertionError("The images were encoded.")

    epochs = spoiled(recording[0], np.nan)
    pictures = {name: Image.new("RGB", (8, 8)) for name in epochs.metadata["image"]}
    model = getattr(mne_brainae, kind)(image_encoder=encode)
    with pytest.raises(ValueError, match=r"epochs must be finite"):
        model.fit(epochs, pictures)
