"""``mne_brainae benchmark``: measure what the documentation says, on this machine."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from importlib import import_module

BENCHMARKS = {
    "audit": "score systems cleanly, and show what every known inflation is worth",
    "ablation": "leave out the ingredients of the best recipe, one at a time",
    "calibration": "compare probabilities of images with how often they are right",
    "encoding": "what BrainAE and linear encoders predict of real brains",
    "few-images": "what to expect of 12 to 800 training images",
    "find-images": "choose images by a model, beside images at random",
    "images": "what image features predict of macaque V4, and what they cost",
    "in-silico": "tell trials that a model draws from measured ones",
    "it": "classify seven objects from macaque IT, by window and with windows hidden",
    "live": "time the answers to a stream, from the last sample on",
    "many": "time many fits over processes against one after another",
    "muse": "tell faces from houses in human EEG, across runs",
    "neurons": "encode and decode macaque V4 by the best recipe and its controls",
    "objects-92": "compare monkey and human IT on 92 objects",
    "preprocessing": "time the way from raw data to averages, and its memory",
    "speed": "time training and inference against plain computations",
    "subjects": "what a group of subjects tells of a newcomer, by number of images",
    "systems": "compare the systems of Table 2 on a simulation of known truth",
    "table3": "the paper's Table 3: generated images, beside scores of your own",
    "things": "decode THINGS-EEG2 at full size, simulated, beside the best decoder",
}
#: Tables of the paper, all run by ``tables.py``.
TABLES = {
    "table1": "the paper's Table 1: encoding with and without alignment",
    "table2": "the paper's Table 2: decoding beside other systems",
    "table4": "the paper's Table 4: ablation of the objective",
    "table5": "the paper's Table 5: brain and image encoders",
    "table9": "the paper's Table 9: encoding by subject, EEG",
    "table10": "the paper's Table 10: encoding by subject, MEG",
    "table11": "the paper's Table 11: encoding by subject, MUA",
    "table12": "the paper's Table 12: decoding by subject, EEG",
    "table13": "the paper's Table 13: decoding by subject, MEG",
    "table14": "the paper's Table 14: decoding by subject, MUA",
    "table15": "the paper's Table 15: temperatures",
    "table16": "the paper's Table 16: time on this machine",
}
#: Figures of the paper, all run by ``figures.py``.
FIGURES = {
    "figure2": "the paper's Figure 2: encoded activity in time, space and frequency",
    "figure3": "the paper's Figure 3: decoding in time, space and meaning",
    "figure4": "the paper's Figure 4: reconstruction of masked activity",
}
FILES = dict.fromkeys(TABLES, "tables") | dict.fromkeys(FIGURES, "figures")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one command per benchmark."""
    benchmarks = parser.add_subparsers(dest="benchmark", required=True)
    for name, text in (BENCHMARKS | TABLES | FIGURES).items():
        benchmark = benchmarks.add_parser(name, help=text, description=text)
        file = FILES.get(name, name).replace("-", "_")
        module = import_module(f".{file}", __name__)
        module.add_arguments(benchmark)
        benchmark.set_defaults(run_benchmark=module.run)


def run(given: argparse.Namespace) -> None:
    """Run the chosen benchmark."""
    given.run_benchmark(given)
