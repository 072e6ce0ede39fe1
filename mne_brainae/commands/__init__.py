"""The command line: one file per command, which parses and prints.

A file imports what works only when its command runs, so that help is there at once.
"""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from .. import __version__
from ..utils.interrupts import ending_at_interrupt

COMMANDS = {
    "benchmark": "measure scores, speed and memory on this machine",
    "cache": "show or remove the image features that are kept on disk",
    "classify": "rank concepts by brain responses, and score the ranks",
    "datasets": "list, fetch, convert and check data sets",
    "demo": "fit, predict, retrieve, classify and reconstruct, with images",
    "generate": "paint images from brain activity, score and show them",
    "image-encoders": "list image encoders with their sizes, licenses and costs",
    "fit": "fit a model to epochs and images",
    "fit-prior": "fit what a model needs to generate images",
    "many": "fit many subjects and seeds, over processes",
    "over-time": "score images at every time, and what each layer explains",
    "predict": "predict the brain responses to images",
    "retrieve": "rank images by the brain responses to them, and score the ranks",
    "reconstruct": "complete partial recordings",
    "report": "write one page about a model, its scores and their protocol",
    "sys-info": "print the versions that a bug report needs",
}
#: What is refused is said in one line; MNE_LOGGING_LEVEL=DEBUG shows the traceback.
REFUSALS = (ImportError, OSError, RuntimeError, TypeError, ValueError)


#: The exit code of what Ctrl-C has ended, as shells have it.
INTERRUPTED = 130


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line.

    Returns
    -------
    parser : instance of ArgumentParser
        What it parses has a function ``run``, which takes it.
    """
    parser = argparse.ArgumentParser(
        prog="mne_brainae",
        description="One shared latent space for images and brain responses.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        module = import_module(f".{name.replace('-', '_')}", __name__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Run one command.

    Parameters
    ----------
    arguments : list of str | None
        The words after ``mne_brainae``; None takes those of the process.
    """
    given = make_parser().parse_args(arguments)
    if given.command != "benchmark":  # which measures what a script would get
        # This process is ours: threads that wait asleep do not collapse beside a busy
        # neighbor, as spinning ones do.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        with ending_at_interrupt():
            given.run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(_said_of_interrupt(given), file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader has seen enough, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except REFUSALS as error:
        from mne.utils import logger

        logger.debug("The traceback:", exc_info=True)
        said = " ".join(str(error).split()) or type(error).__name__
        said = said.replace("overwrite=True", "--overwrite")
        raise SystemExit(f"mne_brainae {given.command}: {said}") from error


def _said_of_interrupt(given: argparse.Namespace) -> str:
    """Say in one line that a command did not come to its end, and how to go on."""
    said = f"mne_brainae {given.command}: interrupted."
    checkpoint = getattr(given, "checkpoint", None)
    if checkpoint is not None:
        said += f" The same command goes on from {checkpoint}."
    return said
