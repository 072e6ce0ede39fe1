"""Write one page per command, from its parser."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from mne_brainae.commands import make_parser


def sub_parsers(parser: argparse.ArgumentParser) -> dict:
    """Return the parsers below a parser, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def write_pages(folder: Path) -> list[Path]:
    """Write the pages of all commands.

    Parameters
    ----------
    folder : path-like
        Where to. Pages that are there already and say the same are left as they are, so
        that Sphinx reads only what has changed.

    Returns
    -------
    pages : list of Path
        One page per command.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for name, parser in sub_parsers(make_parser()).items():
        page = folder / f"{name}.rst"
        text = "\n".join(_page(name, parser))
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")
        pages.append(page)
    return pages


def _page(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    title = f"mne_brainae {name}"
    yield f".. _command-{name}:\n"
    yield f"{title}\n{'=' * len(title)}\n"
    yield from _body(parser)
    for below, inner in sub_parsers(parser).items():
        yield f"{below}\n{'-' * len(below)}\n"
        yield from _body(inner)
        for deeper, innermost in sub_parsers(inner).items():
            yield f"{deeper}\n{'~' * len(deeper)}\n"
            yield from _body(innermost)


def _body(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what a command does, how it is called, and its options."""
    description = (parser.description or "").strip()
    if description:
        yield f"{description[0].upper()}{description[1:].rstrip('.')}.\n"
    formatter = parser._get_formatter()
    formatter._width = 80
    formatter.add_usage(parser.usage, parser._actions, [], prefix="")
    yield ".. code-block:: text\n"
    yield from (f"   {line}" for line in formatter.format_help().strip().splitlines())
    yield ""
    options = [
        (", ".join(action.option_strings) or _name(action), _help(parser, action))
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    ]
    if options:
        yield ".. list-table::\n   :widths: 30 70\n"
        for option, text in options:
            yield f"   * - ``{option}``\n     - {text}"
        yield ""


def _name(action: argparse.Action) -> str:
    name = action.metavar or action.dest
    return name if isinstance(name, str) else " ".join(name)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return the help of an option, with its default, as reStructuredText."""
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    text = " ".join(text.split())
    for special in ("\\", "*", "`", "|", "_"):
        text = text.replace(special, f"\\{special}")
    if action.choices and action.option_strings:
        choices = ", ".join(f"``{choice}``" for choice in action.choices)
        text = f"{text}; one of {choices}" if text else f"one of {choices}"
    return text or "see above"
