"""A convolutional network trained from pixels to responses."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from safetensors.torch import save_file
from torchvision import models, transforms

import mne_brainae
from mne_brainae import NonlinearEncodingModel, fit, make_model
from mne_brainae.images.pixels import MEAN, SPREAD, pixel_columns
from mne_brainae.nn.convnet import ConvnetProjection, width_of

#: The smallest network of torchvision: 4 % of AlexNet's operations.
SMALL = "shufflenet_v2_x0_5"
PIXELS = {"image_encoder": "pixels"}
QUICK = {"max_epochs": 2, "patience": 1, "batch_size": 8, "random_state": 0}
N_PIXELS = 3 * 224 * 224


def convnet(**options):
    return PIXELS | {"image_projection": {"convnet": {"architecture": SMALL} | options}}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Simulate responses to files of images."""
    folder = tmp_path_factory.mktemp("images")
    return mne_brainae.datasets.simulate(
        n_train_concepts=8,
        n_test_concepts=3,
        n_exemplars=2,
        n_templates=1,
        n_test_repetitions=2,
        tmax=0.2,
        snr=1.0,
        path=folder,
        random_state=0,
    )


@pytest.fixture(scope="module")
def fitted(shown):
    return fit(shown.train, shown.images, recipe="end_to_end", **convnet(), **QUICK)


def test_pixels_are_those_that_torchvision_prepares():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    prepare = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(MEAN.tolist(), SPREAD.tolist()),
        ]
    )
    found = mne_brainae.compute_image_features({"a": image}, "pixels")
    assert_allclose(found.to_numpy()[0], prepare(image).flatten(), atol=1e-5)
    assert found.columns.equals(pixel_columns())
    assert found.columns.names == ["layer", "channel", "row", "column"]


@pytest.mark.parametrize(("name", "width"), [("alexnet", 4096), ("resnet50", 2048)])
def test_size_is_that_of_the_network_whose_classes_are_channels_and_times(name, width):
    """Gifford et al.: 17 channels x 100 times in place of 1,000 classes."""
    assert width_of(name) == width
    with torch.device("meta"):
        own = ConvnetProjection(N_PIXELS, width, architecture=name)
        read_out = torch.nn.Linear(width, 17 * 100)
        whole = models.get_model(name, num_classes=17 * 100)
    parts = [*own.parameters(), *read_out.parameters()]
    n_whole = sum(part.numel() for part in whole.parameters())
    assert sum(part.numel() for part in parts) == n_whole


def test_maps_are_not_transposed_on_their_way_into_the_network():
    network = ConvnetProjection(N_PIXELS, width_of(SMALL), architecture=SMALL).eval()
    image = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = network.network(image)
        assert_array_equal(network(image.flatten(1)), expected)


def test_recipe_is_the_published_training():
    model = make_model("end_to_end")
    how = model.training
    assert (how.optimizer, how.learning_rate, how.batch_size) == ("radam", 1e-5, 64)
    assert (how.max_epochs, how.validation, how.validation_size) == (
        50,
        "concept",
        1000,
    )
    model.check()


@pytest.mark.stochastic
def test_gradients_reach_the_first_convolution(shown, fitted):
    start = fit(
        shown.train,
        shown.images,
        recipe="end_to_end",
        **convnet(),
        **QUICK | {"max_epochs": 1, "learning_rate": 1e-30},
    )
    name = "image_projection.network.conv1.0.weight"
    before, after = (m.network_.state_dict()[name] for m in (start, fitted))
    assert not torch.equal(before, after)
    assert "concept" in fitted.selection_
    assert fitted.n_embedding_ == 1024


def test_file_holds_the_network(shown, fitted, tmp_path):
    file = tmp_path / "model.safetensors"
    fitted.save(file)
    again = mne_brainae.read_brainae(file)
    images = shown.images
    names = list(shown.test.metadata["image"].unique())
    found, expected = (
        model.predict_epochs(model.compute_features(images, names=names))
        for model in (again, fitted)
    )
    assert_array_equal(found.get_data(), expected.get_data())
    assert np.isfinite(found.get_data()).all()


def test_weights_of_a_file_are_the_start(shown, tmp_path):
    torch.manual_seed(1)
    weights = models.get_model(SMALL).state_dict()
    save_file(weights, tmp_path / "weights.safetensors")
    still = QUICK | {"max_epochs": 1, "learning_rate": 1e-30}
    choice = convnet(weights=str(tmp_path / "weights.safetensors"))
    model = fit(shown.train, shown.images, recipe="end_to_end", **choice, **still)
    found = model.network_.image_projection.network.state_dict()
    for name in ("conv1.0.weight", "conv5.0.weight"):
        assert_allclose(found[name], weights[name])
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "weights.safetensors").unlink()  # the model has its own
    mne_brainae.read_brainae(tmp_path / "model.safetensors")


def test_weights_of_another_network_are_refused(shown, tmp_path):
    other = models.get_model("squeezenet1_1").state_dict()
    save_file(other, tmp_path / "other.safetensors")
    choice = convnet(weights=str(tmp_path / "other.safetensors"))
    with pytest.raises(ValueError, match="another network"):
        fit(shown.train, shown.images, recipe="end_to_end", **choice, **QUICK)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (PIXELS, "go together"),
        ({"image_projection": "convnet"}, "go together"),
        (convnet(depth=3), "no option 'depth'"),
    ],
)
def test_impossible_parameters_are_refused(params, match):
    with pytest.raises(ValueError, match=match):
        NonlinearEncodingModel(**params).check()


def test_networks_and_features_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="no last layer of classes"):
        width_of("squeezenet1_1")
    with pytest.raises(ValueError, match="three square maps"):
        ConvnetProjection(100, 4096)
    with pytest.raises(ValueError, match="Leave n_embedding out"):
        ConvnetProjection(N_PIXELS, 7)
