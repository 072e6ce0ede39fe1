"""What the project promises about itself: style, layers, imports, wheel, commands."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import mne_brainae
from mne_brainae.commands import main

ROOT = Path(__file__).parents[1]
BIN = Path(sysconfig.get_path("scripts"))


def _run(*command, **options):
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        **options,
    )


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff(command):
    done = _run(BIN / "ruff", *command, ".")
    assert done.returncode == 0, done.stdout


def test_imports_go_down_the_layers():
    done = _run(BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_import_is_lazy():
    """The package alone brings neither torch nor open_clip, and every name resolves."""
    code = (
        "import sys, mne_brainae;"
        "heavy = {'torch', 'open_clip', 'sklearn', 'mne'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = _run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    for name in mne_brainae.__all__:
        assert getattr(mne_brainae, name) is not None


def test_wheel_installs_and_imports_elsewhere(tmp_path):
    """The wheel holds the package and its data, and works outside the checkout."""
    done = _run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, ".", "-q"
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert "mne_brainae/__init__.pyi" in names
    assert "mne_brainae/datasets/registries/macaque_v4.txt" in names
    assert not any(name.startswith(("tests/", "doc/")) for name in names)
    code = "import mne_brainae; print(mne_brainae.__file__); mne_brainae.BrainAE()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout


def test_sys_info(capsys):
    main(["sys-info"])
    assert "mne_brainae" in capsys.readouterr().out


def test_unknown_command(capsys):
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "invalid choice" in capsys.readouterr().err


def requirements() -> dict[str, str]:
    """Return what pyproject.toml requires: the versions by plain name."""
    import tomllib

    from packaging.requirements import Requirement

    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = map(Requirement, tomllib.loads(text)["project"]["dependencies"])
    return {each.name.lower().replace("_", "-"): each.specifier for each in found}


def test_the_oldest_versions_are_those_of_the_constraints():
    from packaging.requirements import Requirement

    lines = (ROOT / ".github" / "oldest.txt").read_text("utf-8").splitlines()
    pins = map(Requirement, [line for line in lines if not line.startswith("#")])
    pinned = {
        pin.name.lower().replace("_", "-"): next(iter(pin.specifier)).version
        for pin in pins
    }
    oldest = {
        name: next(each.version for each in specifier if each.operator == ">=")
        for name, specifier in requirements().items()
    }
    assert {name: pinned.get(name) for name in oldest} == oldest


def test_the_recipe_for_conda_requires_the_same():
    import yaml
    from packaging.specifiers import SpecifierSet

    recipe = yaml.safe_load((ROOT / "conda-recipe" / "recipe.yaml").read_text("utf-8"))
    in_conda = {"matplotlib": "matplotlib-base", "mne": "mne-base", "torch": "pytorch"}
    expected = {in_conda.get(name, name): it for name, it in requirements().items()}
    runs = [line.partition(" ") for line in recipe["requirements"]["run"]]
    found = {name: SpecifierSet(it) for name, _, it in runs if name != "python"}
    assert found == expected


def test_the_readme_has_no_links_that_only_a_checkout_has():
    """PyPI shows the README without the files beside it."""
    import re
    import tomllib

    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    # Without a public address there is nothing else that links could lead to.
    if "urls" in urls:
        assert all(link.startswith("https://") for link in links)
    assert all((ROOT / link).exists() for link in links if "://" not in link)
