"""Images by name, every kind of image, and the Gabor features."""

import io
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import PIL
import pytest
from evidence import need
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mne_brainae import compute_image_features
from mne_brainae.images import find_images, read_image
from mne_brainae.images.features import BATCH_SIZE
from mne_brainae.images.gabor import gabor_feature_names, gabor_features


def noise(seed, size=(40, 50)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Image.fromarray(pixels)


def mean_color(images):
    return np.array([np.asarray(image).mean((0, 1)) for image in images])


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    for seed, name in enumerate(("b/two.png", "a/one.png", "a/three.jpg", "1.PNG")):
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        noise(seed).save(path)
    (folder / "a" / "notes.txt").write_text("no image")
    (folder / "a" / "._one.png").write_text("left by a Mac")
    (folder / ".cache").mkdir()
    noise(9).save(folder / ".cache" / "one.png")
    return folder


# ---------------------------------------------------------------- names


def test_import_needs_no_torch():
    code = "import sys, mne_brainae.images; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_everything_in_a_folder(folder):
    names = ["1.PNG", "a/one.png", "a/three.jpg", "b/two.png"]
    assert list(find_images(folder)) == names
    assert list(find_images(str(folder)).values()) == [folder / n for n in names]


def test_names_and_order(folder):
    """A name may be the path, the file name, or either without suffix."""
    everything = compute_image_features(folder)
    absolute = str(folder / "1.PNG")
    wanted = ["two", "a/one", "three.jpg", absolute, "a/three.jpg"]
    some = compute_image_features(folder, names=wanted)
    assert list(some.index) == wanted
    assert some.index.name == "image"
    assert some.dtypes.eq("float32").all()
    np.testing.assert_array_equal(some.loc["two"], everything.loc["b/two.png"])
    np.testing.assert_array_equal(some.loc[absolute], everything.loc["1.PNG"])


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_selection_in_any_order(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "selection"
    files = [f"{c}/{c}_{i}.jpg" for c in ("ant", "bee", "cat") for i in range(3)]
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    chosen = data.draw(st.lists(st.sampled_from(files), min_size=1, unique=True))
    forms = [str, lambda n: n[:-4], lambda n: n[4:], lambda n: n[4:-4]]
    names = [data.draw(st.sampled_from(forms))(name) for name in chosen]
    for images in (folder, [folder / name for name in files]):
        found = find_images(images, names)
        assert list(found) == names
        assert list(found.values()) == [folder / name for name in chosen]


def test_the_path_comes_before_the_file_name(folder):
    (folder / "two.png").write_bytes((folder / "b" / "two.png").read_bytes())
    assert find_images(folder, ["two.png"])["two.png"] == folder / "two.png"
    assert find_images(folder, ["b/two"])["b/two"] == folder / "b" / "two.png"


def test_missing_names(folder):
    names = ["two", *(f"lost-{i}" for i in range(7))]
    with pytest.raises(ValueError, match=r"images.*lost-0.*lost-4'.*\(7 in all\)"):
        find_images(folder, names)
    with pytest.raises(ValueError, match="with and without suffix"):
        compute_image_features(folder, names=names)


def test_ambiguous_names(folder):
    noise(1).save(folder / "b" / "one.png")
    with pytest.raises(ValueError, match=r"Several.*'one \(.*a/one.*b/one"):
        find_images(folder, ["two", "one"])
    noise(1).save(folder / "a" / "one.jpg")
    with pytest.raises(ValueError, match="by their path in the folder"):
        find_images(folder, ["a/one"])
    assert find_images(folder, ["a/one.jpg"])["a/one.jpg"].name == "one.jpg"


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["two", "two"], ValueError, "more than once: 'two'"),
        ([], ValueError, "names is empty"),
        ("two", TypeError, "sequence of names, got 'two'"),
    ],
)
def test_wrong_names(folder, names, error, message):
    with pytest.raises(error, match=message):
        compute_image_features(folder, names=names)


def test_list_of_files(folder, monkeypatch):
    files = [folder / "b" / "two.png", str(folder / "a" / "one.png")]
    assert list(find_images(files)) == ["two.png", "one.png"]
    noise(1).save(folder / "b" / "one.png")
    files.append(folder / "b" / "one.png")
    assert list(find_images(files)) == ["b/two.png", "a/one.png", "b/one.png"]
    monkeypatch.chdir(folder)
    files = ["b/two.png", "b/one.png"]
    assert list(find_images(files, ["b/one.png"])) == ["b/one.png"]
    with pytest.raises(ValueError, match=r"more than once: 'two\.png'"):
        find_images([files[0], files[0]])


def test_one_file_and_mapping(folder):
    path = folder / "b" / "two.png"
    assert find_images(path) == {"two.png": path}
    assert find_images({1: path, "x": str(path)}, ["x"]) == {"x": path}
    with pytest.raises(ValueError, match=r"lacks these images.*'y'"):
        find_images({"x": path}, ["y"])
    with pytest.raises(ValueError, match="more than once: '1'"):
        find_images({1: path, "1": path})


def test_nothing_there(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no image in the folder .*empty"):
        compute_image_features(tmp_path / "empty")
    for images in ([], {}):
        with pytest.raises(ValueError, match="is an empty"):
            compute_image_features(images)
    lost = folder / "lost.png"
    for images in (lost, [lost], {"x": lost}):
        with pytest.raises(FileNotFoundError, match=r"do not exist: .*lost\.png"):
            compute_image_features(images)


@pytest.mark.parametrize("images", [3, None, [1.0, 2.0], np.eye(3), {"a": np.eye(3)}])
def test_no_pictures(images):
    with pytest.raises(TypeError, match="images"):
        compute_image_features(images)


def test_pictures_in_memory(folder):
    pictures = [noise(0), noise(1)]
    rows = compute_image_features(pictures, mean_color)
    assert list(rows.index) == ["image-0", "image-1"]
    one = compute_image_features(pictures[1], mean_color)
    np.testing.assert_array_equal(one.loc["image-0"], rows.loc["image-1"])
    mixed = {"a": pictures[0], "b": folder / "a" / "one.png"}
    named = compute_image_features(mixed, mean_color, names=["b", "a"])
    np.testing.assert_array_equal(named, rows.iloc[::-1])
    with pytest.raises(ValueError, match="'cat'"):
        compute_image_features(pictures, names=["cat"])


# ---------------------------------------------------------------- reading


def test_modes_of_one_color(tmp_path):
    """Images of one color are that color in whatever mode they are kept."""
    color = (100, 120, 140)
    plain = Image.new("RGB", (8, 8), color)
    modes = ["RGB", "RGBA", "CMYK"]
    if int(PIL.__version__.split(".")[0]) >= 13:  # older ones read no such TIFF
        modes += ["YCbCr"]
    for image in (
        *(plain.convert(mode) for mode in modes),
        plain.quantize(4),
    ):
        image.save(tmp_path / "x.tif")
        read = read_image(tmp_path / "x.tif")
        assert read.mode == "RGB"
        assert np.abs(np.asarray(read, int) - color).max() <= 1


def test_cmyk_of_cameras_and_printers(tmp_path):
    """JPEG keeps these inverted."""
    picture = Image.new("RGB", (16, 16), (200, 120, 40)).convert("CMYK")
    picture.save(tmp_path / "x.jpg", quality=95)
    found = np.asarray(read_image(tmp_path / "x.jpg"), int)
    assert np.abs(found - (200, 120, 40)).max() <= 6


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [("1", 1, 255), ("L", 90, 90), ("LA", (90, 255), 90), ("I;16", 30000, 117)],
)
def test_gray_modes(tmp_path, mode, value, expected):
    Image.new(mode, (8, 8), value).save(tmp_path / "x.png")
    pixels = np.asarray(read_image(tmp_path / "x.png"))
    np.testing.assert_array_equal(pixels, np.full((8, 8, 3), expected))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_scaled(tmp_path, suffix):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(ramp).save(tmp_path / f"x.{suffix}")
    pixels = np.asarray(read_image(tmp_path / f"x.{suffix}"))[..., 0]
    np.testing.assert_array_equal(pixels, np.rint(ramp / 257))


def test_values_without_a_white_are_refused(tmp_path):
    for values in (np.ones((4, 4), "float32"), np.full((4, 4), 10**6, "int32")):
        Image.fromarray(values).save(tmp_path / "x.tif")
        with pytest.raises(ValueError, match=r"x\.tif.*which value is white"):
            read_image(tmp_path / "x.tif")


def test_transparent_is_mid_gray(tmp_path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").getpixel((0, 0)) == (128, 128, 128)
    Image.new("LA", (8, 8), (0, 128)).save(tmp_path / "half.png")
    assert read_image(tmp_path / "half.png").getpixel((0, 0)) == (64, 64, 64)
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    for transparency in (1, bytes([255, 0])):
        palette.save(tmp_path / "palette.png", transparency=transparency)
        pixel = read_image(tmp_path / "palette.png").getpixel((0, 0))
        assert pixel == (128, 128, 128)


def test_exif_rotation(tmp_path):
    image = Image.new("RGB", (20, 10))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").size == (10, 20)


def test_damaged_pictures_are_named(tmp_path):
    for suffix in ("jpg", "png", "tif", "bmp", "gif", "webp"):
        path = tmp_path / f"half.{suffix}"
        noise(0).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=rf"Cannot read .*half\.{suffix}"):
            read_image(path)
        for content in (b"", b"no image"):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=rf"half\.{suffix}: it is empty, or"):
                read_image(path)
    noise(0).save(tmp_path / "whole.png")
    with pytest.raises(ValueError, match=r"half\.jpg"):
        compute_image_features([tmp_path / "whole.png", tmp_path / "half.jpg"])


def test_damaged_picture_in_memory_is_named():
    file = io.BytesIO()
    noise(0).save(file, "jpeg")
    half = Image.open(io.BytesIO(file.getvalue()[: len(file.getvalue()) // 2]))
    with pytest.raises(ValueError, match="Cannot read the image image-1"):
        compute_image_features([noise(0), half])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_a_value_error(data, tmp_path_factory):
    """Whatever a decoder meets, it is an image or a ValueError that names the file."""
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    suffix = data.draw(st.sampled_from(("jpeg", "png", "tiff", "gif")))
    file = io.BytesIO()
    noise(0, (9, 9)).save(file, suffix)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = read_image(path)
        except ValueError as error:
            complaint = str(error)
        else:
            complaint = f"{path} is whole, in mode {image.mode}"
    assert "damaged.png" in complaint
    assert "whole" not in complaint or complaint.endswith("RGB")


# ---------------------------------------------------------------- encoders


def test_batches_of_an_encoder():
    sizes = []

    def count(images):
        sizes.append(len(images))
        assert all(image.mode == "RGB" for image in images)
        return mean_color(images)

    pictures = [noise(seed, (4, 4)) for seed in range(2 * BATCH_SIZE + 3)]
    features = compute_image_features(pictures, count)
    assert sizes == [BATCH_SIZE, BATCH_SIZE, 3]
    np.testing.assert_allclose(features, mean_color(pictures), rtol=1e-6)
    assert features.dtypes.eq("float32").all()


@pytest.mark.parametrize(
    ("encoder", "error", "message"),
    [
        (lambda images: np.zeros(len(images)), ValueError, r"shape \(3,\)"),
        (lambda images: np.zeros((len(images) + 1, 2)), ValueError, r"shape \(4, 2\)"),
        (lambda images: np.zeros((len(images), 0)), ValueError, r"shape \(3, 0\)"),
        (lambda images: np.full((3, 2), np.nan), ValueError, "finite.*'image-0'"),
        (lambda images: np.full((3, 2), 1e300), ValueError, "too large"),
        (lambda images: np.full((3, 2), "x"), TypeError, "real numbers"),
        (lambda images: np.full((3, 2), 1j), TypeError, "real numbers"),
        ("vgg", ValueError, "encoder must be one of 'gabor'"),
        (3, TypeError, "'encoder' parameter"),
    ],
)
def test_wrong_encoders(encoder, error, message):
    with pytest.raises(error, match=message):
        compute_image_features([noise(0)] * 3, encoder)


def test_changing_width():
    pictures = [noise(0, (2, 2))] * (BATCH_SIZE + 1)
    with pytest.raises(ValueError, match=rf"expected \(1, {BATCH_SIZE}\)"):
        compute_image_features(pictures, lambda images: np.eye(len(images)))


# ---------------------------------------------------------------- ready features


def test_ready_features_are_checked():
    table = pd.DataFrame(np.eye(3), index=list("abc"), columns=list("xyz"))
    table["n"] = pd.array([1, 2, 3], dtype="Int64")
    before = table.copy()
    features = compute_image_features(table, names=["c", "a"])
    assert list(features.index) == ["c", "a"]
    assert list(features.columns) == ["x", "y", "z", "n"]
    assert features.dtypes.eq("float32").all()
    pd.testing.assert_frame_equal(table, before)
    assert compute_image_features(table).index.name == "image"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.replace(1.0, np.nan), ValueError, "finite.*'a', 'b', 'c'"),
        (lambda t: t.replace(1.0, 1e300), ValueError, "finite"),
        (lambda t: t.astype("Float64").replace(1.0, pd.NA), ValueError, "finite"),
        (lambda t: t.set_axis(list("aba")), ValueError, "more than once: 'a'"),
        (lambda t: t.set_axis(["a", None, "c"]), ValueError, "without missing names"),
        (lambda t: t.set_index([0, 1]), ValueError, "2 levels"),
        (lambda t: t.assign(kind="cat"), TypeError, "unlike columns 'kind'"),
        (lambda t: t.astype(complex), TypeError, "real numbers"),
        (lambda t: t.iloc[:0], ValueError, "empty"),
        (lambda t: t.iloc[:, :0], ValueError, "empty"),
    ],
)
def test_wrong_features(change, error, message):
    table = change(pd.DataFrame(np.eye(3), index=list("abc")))
    with pytest.raises(error, match=message):
        compute_image_features(table)


def test_features_lack_a_name():
    table = pd.DataFrame(np.eye(3), index=list("abc"))
    with pytest.raises(ValueError, match=r"lacks these images.*'d'"):
        compute_image_features(table, names=["a", "d"])


# ---------------------------------------------------------------- Gabor features


def grating(angle, phase=0.0, cycles=16, contrast=0.3):
    """Draw stripes at an angle in degrees, counter-clockwise from horizontal."""
    row, column = np.mgrid[:128, :128] / 128
    along = row * np.cos(np.deg2rad(angle)) + column * np.sin(np.deg2rad(angle))
    pixels = 127.5 * (1 + contrast * np.sin(2 * np.pi * cycles * along + phase))
    return Image.fromarray(np.uint8(np.rint(pixels))).convert("RGB")


def describe(*images):
    return pd.DataFrame(gabor_features(list(images)), columns=gabor_feature_names())


def energies(images):
    """Average the lightness energy of every filter over its fields."""
    table = describe(*images).filter(regex=r"^lightness \d+ cycles [\d.]+ deg")
    return table.T.groupby(lambda name: name.partition(" [")[0]).mean().T


def test_names_of_gabor_features():
    names = gabor_feature_names()
    features = compute_image_features([noise(0)])
    assert list(features.columns) == list(names)
    assert len(set(names)) == len(names) == features.shape[1]
    assert 1500 <= len(names) <= 2500


@settings(max_examples=25, deadline=None)
@given(
    index=st.integers(0, 7),
    cycles=st.sampled_from((4, 8, 16, 32)),
    phase=st.floats(0, 2 * np.pi),
)
def test_a_grating_excites_its_own_filter(index, cycles, phase):
    angle = 22.5 * index
    energy = energies([grating(angle, phase, cycles), grating(angle, 0.0, cycles)])
    assert energy.iloc[0].idxmax() == f"lightness {cycles} cycles {angle:g} deg"
    np.testing.assert_allclose(energy.max(axis=1), energy.iloc[0].max(), rtol=0.02)


def test_angle_is_seen_as_stripes():
    """0 degrees are horizontal stripes, 45 degrees rise to the right."""
    rows = np.zeros((128, 128), np.uint8)
    rows[np.arange(128) % 8 < 4] = 255
    row, column = np.mgrid[:128, :128]
    rising = np.uint8(255 * ((row + column) % 11 < 6))  # row + column constant rises
    energy = energies([Image.fromarray(p).convert("RGB") for p in (rows, rising)])
    best = energy.idxmax(axis=1)
    assert best[0] == "lightness 16 cycles 0 deg"
    assert best[1] == "lightness 16 cycles 45 deg"


def test_more_contrast_more_energy():
    energy = energies([grating(45, contrast=c) for c in (0, 0.05, 0.2, 0.8)])
    assert energy.iloc[0].max() < 1e-4
    assert energy["lightness 16 cycles 45 deg"].is_monotonic_increasing


def test_energy_is_where_the_grating_is():
    picture = Image.new("RGB", (128, 128), (128, 128, 128))
    picture.paste(grating(90, cycles=32).crop((0, 0, 64, 64)), (64, 0))
    energy = describe(picture).filter(like="lightness 32 cycles 90 deg")
    fields = energy.to_numpy().reshape(8, 8)
    assert fields[:4, 5:].mean() > 10 * fields[5:].mean()
    assert fields[:4, 5:].mean() > 10 * fields[:, :3].mean()


def patch(background, color):
    image = Image.new("RGB", (128, 128), background)
    image.paste(color, (16, 16, 64, 64))
    return image


def test_a_color_of_one_lightness_moves_color_alone():
    gray, reddish = (128, 128, 128), (196, 95, 132)  # of equal luminance, 0.215861
    plain, colored = patch(gray, gray), patch(gray, reddish)
    change = describe(plain, colored).diff().iloc[1].abs()
    is_lightness = change.index.str.startswith("lightness")
    assert change[is_lightness & change.index.str.contains("cycles")].max() < 0.1
    assert change[is_lightness & ~change.index.str.contains("cycles")].max() < 1e-3
    assert change["red amount [1, 1]"] > 0.3
    assert change["green amount [1, 1]"] < 0.01
    assert change["red-green mean [2, 2]"] > 0.3
    assert change["red-green mean [7, 7]"] == 0
    assert change[change.index.str.match("red-green 2 cycles")].max() > 1


def test_opponent_channels_are_cielab():
    """Against the values of L*, a* and b* that color science prints for sRGB."""
    lab = {
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (255, 255, 255): (100, 0, 0),
        (128, 128, 128): (53.59, 0, 0),
    }
    table = describe(*(Image.new("RGB", (9, 9), color) for color in lab))
    means = table[
        [f"{c} mean [0, 0]" for c in ("lightness", "red-green", "blue-yellow")]
    ]
    np.testing.assert_allclose(100 * means, list(lab.values()), atol=0.3)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(6)))
def test_a_row_depends_on_its_picture_alone(order):
    pictures = [noise(seed, (30, 20 + 9 * seed)) for seed in range(6)]
    alone = np.concatenate([gabor_features([pictures[index]]) for index in order])
    together = gabor_features([pictures[index] for index in order])
    np.testing.assert_array_equal(together, alone)
    assert np.isfinite(together).all()


def test_extreme_pictures():
    pictures = [
        Image.new("RGB", size, "white") for size in ((1, 1), (1, 300), (300, 2))
    ]
    pictures += [Image.new("RGB", (50, 50)), noise(0, (700, 40))]
    assert np.isfinite(gabor_features(pictures)).all()


# ---------------------------------------------------------------- real neurons


@pytest.mark.data("macaque_v4")
@pytest.mark.parametrize(
    ("session", "least"), [("190923", 0.5), ("210225", 0.45)], ids=["190923", "210225"]
)
def test_gabor_features_predict_v4(session, least):
    """Ridge regression on the features predicts neurons of macaque V4."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    place = need("macaque_v4")
    with zipfile.ZipFile(place / f"images_{session}.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
        pictures = {n: Image.open(io.BytesIO(archive.read(n))) for n in names}
    features = compute_image_features(pictures).to_numpy()
    responses = np.load(place / f"responses_{session}.npy").T
    train, test = next(KFold(6, shuffle=True, random_state=0).split(features))
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(2, 5, 4)))
    predicted = model.fit(features[train], responses[train]).predict(features[test])
    r = [
        np.corrcoef(*pair)[0, 1]
        for pair in zip(predicted.T, responses[test].T, strict=True)
    ]
    assert np.mean(r) > least


@pytest.mark.parametrize(
    ("values", "suffix", "white"),
    [
        (np.arange(256, dtype=np.int32), "tif", 255),
        (np.linspace(0, 65535, 256).astype(np.int32), "tif", 255),
        (np.linspace(0, 65535, 256).astype(np.uint16), "png", 255),
        (np.arange(256, dtype=np.uint16), "png", 1),  # white is 65535 in 16 bits
        (np.arange(256, dtype=np.uint16), "pgm", 1),
    ],
    ids=["8 bits in 32", "16 bits in 32", "16 bits", "dark", "dark in PGM"],
)
def test_pictures_of_integers(tmp_path, values, suffix, white):
    path = tmp_path / f"gray.{suffix}"
    Image.fromarray(values.reshape(16, 16)).save(path)
    gray = np.asarray(read_image(path))[..., 0].ravel()
    assert gray.max() == white
    assert (np.diff(gray.astype(int)) >= 0).all()
