"""``mne_brainae datasets``: what there is, how to get it, whether it is whole."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from getpass import getpass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ._names import one_of

NAMES = (
    "things",
    "things_eeg2",
    "things_meg",
    "tvsd",
    "macaque_v4",
    "macaque_it",
    "muse_n170",
)
N_LISTED = 20
ACTIONS = {
    "list": "name every data set, its size and its license",
    "info": "say all that is known about one",
    "fetch": "download one",
    "to-bids": "convert what its authors published to BIDS",
    "check": "see whether a BIDS folder is complete, without reading its data",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and what each can be told."""
    actions = parser.add_subparsers(dest="action", required=True)
    parsers = {
        action: actions.add_parser(action, help=text, description=text)
        for action, text in ACTIONS.items()
    }
    for action in ("info", "fetch", "to-bids", "check"):
        parsers[action].add_argument(
            "name",
            **one_of(NAMES),
            help="the data set",
        )
    add = parsers["fetch"].add_argument
    add("--path", type=Path, help="the folder; by default that of MNE-Python")
    add("--kind", help="which of its files, see info")
    add("--images", action="store_true", default=None, help="its images, too")
    add("--sessions", nargs="+", help="only these, of macaque_v4")
    add = parsers["to-bids"].add_argument
    add("source", type=Path, help="the folder of what was fetched")
    add("bids_root", type=Path, help="the folder to write")
    add("--images", type=Path, help="the folder of the images, to link them")
    add("--overwrite", action="store_true", default=None, help="write all again")
    add = parsers["check"].add_argument
    add("bids_root", type=Path, help="the folder to check")
    add("--images", type=Path, help="the folder of the images")
    for action in ("fetch", "to-bids", "check"):
        parsers[action].add_argument("--subjects", nargs="+", help="only these")


def run(given: argparse.Namespace) -> None:
    """Do what is asked for."""
    act = {
        "list": _list,
        "info": _info,
        "fetch": _fetch,
        "to-bids": _to_bids,
        "check": _check,
    }[given.action]
    act(given)


def _module(name: str) -> ModuleType:
    return import_module(f"mne_brainae.datasets.{name}")


def _list(given: argparse.Namespace) -> None:
    from ..datasets._fetch import describe_size, read_registry

    for name in NAMES:
        registry = read_registry(name)
        title = inspect.getdoc(_module(name)).splitlines()[0]
        size = describe_size(list(registry.files.values()))
        written = name.replace("_", "-")
        print(f"{written:12} {title}\n{'':12} {size}; {registry.license}")


def _info(given: argparse.Namespace) -> None:
    from ..datasets._fetch import describe_size, locate, read_registry

    module, registry = _module(given.name), read_registry(given.name)
    print(inspect.getdoc(module).splitlines()[0])
    print(f"source    {registry.url}")
    print(f"license   {registry.license}")
    print(f"cite      {registry.citation}")
    if subjects := getattr(module, "SUBJECTS", None):
        print(f"subjects  {', '.join(subjects)}")
    for partition, (n_images, n_each) in getattr(module, "EXPECTED", {}).items():
        times = "once" if n_each == 1 else f"{n_each} times"
        print(f"{partition:9} {n_images:,} images, {times} each")
    print(f"folder    {locate(given.name, None)}")
    files = list(registry.files.values())
    print(f"files     {len(files)}, {describe_size(files)}")
    for name, file in list(registry.files.items())[:N_LISTED]:
        print(f"  {name}: {describe_size([file])}")
    if len(files) > N_LISTED:
        print(f"  and {len(files) - N_LISTED} more")
    print(f"\nmne_brainae.datasets.{given.name}.fetch:\n\n{_plain(module.fetch)}")


def _plain(function) -> str:
    """Return a docstring without the marks of Sphinx."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"\1", inspect.getdoc(function))
    return text.replace("``", "")


def _call(function, name: str, **options):
    """Call a function with the options that were given; refuse those it has not."""
    options = {key: value for key, value in options.items() if value is not None}
    unknown = options.keys() - inspect.signature(function).parameters.keys()
    if unknown:
        flags = ", ".join(f"--{key.replace('_', '-')}" for key in sorted(unknown))
        raise SystemExit(f"mne_brainae datasets: {name} takes no {flags}.")
    return function(**options)


def _fetch(given: argparse.Namespace) -> None:
    folder = _call(
        _module(given.name).fetch,
        given.name,
        path=given.path,
        subjects=given.subjects,
        sessions=given.sessions,
        kind=given.kind,
        images=given.images,
        things_password=_password(given) if given.images else None,
    )
    print(f"{given.name} is in {folder}")


def _password(given: argparse.Namespace) -> str | None:
    """Ask for the password of THINGS, which the list of processes must not show."""
    from ..datasets.things import PASSWORD

    is_asked = given.name == "things" and not os.environ.get(PASSWORD)
    if is_asked and sys.stdin.isatty():
        return getpass(f"Password of the images of THINGS (or set ${PASSWORD}): ")
    return None


def _to_bids(given: argparse.Namespace) -> None:
    module = _module(given.name)
    if not hasattr(module, "to_bids"):
        raise SystemExit(
            f"mne_brainae datasets: there is no conversion of {given.name}; THINGS-MEG "
            "is BIDS already."
        )
    root = module.to_bids(
        given.source,
        given.bids_root,
        given.subjects,
        images=given.images,
        overwrite=bool(given.overwrite),
    )
    print(f"{given.name} is in {root}")


def _check(given: argparse.Namespace) -> None:
    import pandas as pd

    from ..utils.tables import as_text

    module = _module(given.name)
    if not hasattr(module, "check"):
        raise SystemExit(f"mne_brainae datasets: {given.name} is no BIDS data set.")
    tables, problem = {}, None
    for subject in given.subjects or module.SUBJECTS:
        try:
            tables[subject] = module.check(
                given.bids_root, subject, images=given.images, verbose="ERROR"
            )
        except FileNotFoundError as error:
            problem = error
    if not tables or (given.subjects and problem):
        raise SystemExit(f"mne_brainae datasets: {problem}")
    findings = pd.concat(tables, names=["subject"]).reset_index("subject")
    print(as_text(findings, index=False, max_colwidth=None))
    if not findings["is_ok"].all():
        n_wrong, n_all = (~findings["is_ok"]).sum(), len(findings)
        raise SystemExit(f"Not as expected: {n_wrong} of {n_all} findings.")
    print("Complete.")
