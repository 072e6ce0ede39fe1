"""``mne_brainae sys-info``."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, requires, version
from re import match


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(given: argparse.Namespace) -> None:
    """Print the platform, and the version of this package and of all it builds on."""
    print(f"{'platform':20} {platform.platform()}")
    print(f"{'python':20} {platform.python_version()}")
    needed = requires("mne_brainae") or []
    for name in ["mne_brainae", *(match(r"[\w.-]+", line).group() for line in needed)]:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        print(f"{name:20} {found}")
