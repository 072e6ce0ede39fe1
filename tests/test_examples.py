"""Every public docstring has examples, and those that can run do."""

import doctest
import inspect
import sys

import mne
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from public import OBJECTS, ROOT, resolve

import mne_brainae

#: What is left out of a comparison: spaces, and what "..." stands for.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PARSER = doctest.DocTestParser()


def is_called(name: str) -> bool:
    """Tell functions, classes and methods from properties."""
    return not isinstance(resolve(name), property)


@pytest.mark.parametrize("name", [name for name in OBJECTS if is_called(name)])
def test_functions_classes_and_methods_have_examples(name):
    assert "Examples\n" in resolve(name).__doc__


@pytest.fixture(scope="module")
def names(world):
    """What the examples call by name; doc/api.rst says what it is."""
    rdm = mne_brainae.compute_rdm(world.features_test)
    picture = Image.new("RGB", (8, 8))
    concepts = pd.Series(
        world.features_test.index.str.partition("/").get_level_values(0)
    )
    model, unseen = world.linear, world.features_test

    def identify(epochs):
        return model.retrieve(epochs, unseen)

    return {
        "averaged": world.averaged,
        "averages": mne_brainae.score_averages(
            identify, world.test, [1, 2], random_state=0
        ),
        "calibration": mne_brainae.Calibration(
            np.array([0.9, 0.6, 0.3]), np.array([True, True, False])
        ),
        "concepts": concepts.set_axis(unseen.index),
        "decoder": world.decoder,
        "course": mne_brainae.compare_rdms_over_time(
            world.averaged, rdm, n_permutations=10, random_state=0
        ),
        "features": world.features,
        "folder": world.images,
        "found": world.found,
        "generated": world.generated,
        "group": world.group,
        "identify": identify,
        "mne_brainae": mne_brainae,
        "model": model,
        "occlusion": world.occlusion,
        "rdm": rdm,
        "scores": world.scores,
        "sheet": mne_brainae.generation.contact_sheet({"seen": [picture]}),
        "similarity": world.similarity,
        "table": world.subjects,
        "templates": world.templates,
        "test": world.test,
        "train": world.train,
        "trained": world.network,
        "unseen": unseen,
    }


def examples_of(name: str) -> doctest.DocTest | None:
    """Return the examples of a docstring, if it has any."""
    text = inspect.getdoc(resolve(name)) or ""
    found = PARSER.get_doctest(text, {}, name, name, 0)
    runs = any(not each.options.get(doctest.SKIP) for each in found.examples)
    return found if runs else None


#: Methods that classes inherit are those of one that has most of them.
INHERITED = [
    f"mne_brainae.LinearBrainAE.{name}"
    for name in dir(mne_brainae.LinearBrainAE)
    if not name.startswith("_") and f"mne_brainae.LinearBrainAE.{name}" not in OBJECTS
]
WITH_EXAMPLES = [name for name in [*OBJECTS, *INHERITED] if examples_of(name)]


@pytest.mark.filterwarnings("ignore:Errors were learned from")
@pytest.mark.filterwarnings("ignore:.*fewer than 40")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_right(name, names, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example = examples_of(name)
    example.globs = dict(names)
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    with mne.utils.use_log_level("ERROR"):  # what is logged is no output
        failed, _ = runner.run(example, out=sys.stderr.write)
    assert not failed, capsys.readouterr().err


def test_the_names_of_examples_are_told(names):
    text = (ROOT / "doc" / "api.rst").read_text("utf-8")
    told = ("averaged", "features", "model", "test", "train", "unseen")
    for name in (*told, "scores", "found", "group"):
        assert name in names
        assert f"``{name}``" in text
