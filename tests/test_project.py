"""What the project promises about itself: style, floors, imports, wheel, commands."""

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


def test_imports_go_down_the_floors():
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
