"""The command line as a whole: what it imports, what it offers, how it ends."""

import argparse
import subprocess
import sys

import pytest

from mne_brainae.benchmark.studies import systems
from mne_brainae.commands import (
    COMMANDS,
    _identify,
    _said_of_interrupt,
    benchmark,
    demo,
    main,
    reconstruct,
    sys_info,
)
from mne_brainae.commands import datasets as datasets_command
from mne_brainae.commands.benchmark import data as benchmark_data
from mne_brainae.commands.benchmark import encoder
from mne_brainae.commands.benchmark import systems as systems_command
from mne_brainae.datasets import _fetch
from mne_brainae.images import ImageEncoder
from mne_brainae.utils.interrupts import interrupts_end

HELP = [
    ["--version"],
    ["--help"],
    *([command, "--help"] for command in COMMANDS),
    *(["benchmark", name, "--help"] for name in benchmark.BENCHMARKS),
    *(["benchmark", name, "--help"] for name in ("table4", "figure3")),
    ["datasets", "fetch", "--help"],
]
#: Parses every line in one process, and says what was imported.
CODE = """
import contextlib, io, sys
from mne_brainae.commands import main
for words in {words}:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            main(words)
        except SystemExit as ended:
            assert ended.code == 0, words
    assert said.getvalue(), words
heavy = {{"torch", "sklearn", "mne", "scipy", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_help_imports_nothing_heavy():
    code = CODE.format(words=HELP)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_a_command_help_is_printed(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "demo" in "".join(capsys.readouterr())


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def run(given):
        assert interrupts_end()  # or a training in it would count as done
        raise KeyboardInterrupt

    monkeypatch.setattr(sys_info, "run", run)
    with pytest.raises(SystemExit) as ended:
        main(["sys-info"])
    assert ended.value.code == 130
    said = capsys.readouterr()
    assert said.err == "mne_brainae sys-info: interrupted.\n"
    assert not said.out


def test_an_interrupt_names_the_checkpoint():
    given = argparse.Namespace(command="fit", checkpoint="state.safetensors")
    assert _said_of_interrupt(given).endswith("goes on from state.safetensors.")


def test_sys_info_names_versions(capsys):
    main(["sys-info"])
    assert "mne" in capsys.readouterr().out


def test_commands_are_written_with_hyphens():
    names = [*COMMANDS, *benchmark.BENCHMARKS, *datasets_command.ACTIONS]
    assert not [name for name in names if "_" in name]


def test_choices_are_those_of_the_package():
    """The command line repeats some names, in order not to import where they are."""
    from mne_brainae.benchmark.paper.figures import FIGURES
    from mne_brainae.benchmark.paper.tables import TABLES
    from mne_brainae.preprocessing.masking import MASKS
    from mne_brainae.scoring.identification import SIMILARITIES

    assert tuple(SIMILARITIES) == _identify.SIMILARITIES
    assert MASKS == reconstruct.MASKS
    assert set(systems_command.RECIPES) == {of for of, _ in systems.SYSTEMS.values()}
    assert set(benchmark.TABLES) == set(TABLES)
    assert set(benchmark.FIGURES) == set(FIGURES)
    assert set(benchmark_data.DATA_SETS) == {
        name for table in TABLES.values() for name in table.data
    }
    registries = {file.stem for file in _fetch.REGISTRIES.glob("*.txt")}
    assert set(datasets_command.NAMES) == registries
    assert set(demo.DATA) <= {*registries, "simulated"}


def test_the_benchmark_of_neurons_takes_the_middle_layers():
    parser = argparse.ArgumentParser()
    encoder.add_encoder_arguments(parser)
    found = encoder.layers_of(parser.parse_args([]))
    assert found == ImageEncoder(
        "efficientnet-lite0", layer=[2, 4, 6, 7, 9, 12, "embedding"], pool=7
    )
    words = ["--encoder", "vit-b-16", "--layer", "0.5", "--pool", "cls"]
    found = encoder.layers_of(parser.parse_args(words))
    assert found == ImageEncoder("vit-b-16", layer=[0.5], pool="cls")
