"""``mne_brainae benchmark speed``: steps, epochs, memory, inference."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

from ...benchmark.studies.shapes import (
    CHAINS,
    CLOSED_FORM,
    N_EPOCHS,
    REGRESSIONS,
    SHAPES,
    TABLE_16,
    VARIANTS,
)
from .._numbers import count, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--shape", choices=SHAPES, default="eeg", help="channels x times")
    add(
        "--chain",
        choices=CHAINS,
        nargs="+",
        default=list(CHAINS),
        help="without or with activation between the convolutions",
    )
    add(
        "--compare",
        choices=[*(name for name in VARIANTS if name != "fast"), "braindecode"],
        nargs="+",
        default=[],
        help="time besides: one layer after another, composed kernels, bf16 factors, "
        "threads of OpenMP, an encoder of braindecode of the same shape",
    )
    add("--batch", type=count, default=800, help="responses per step")
    add("--threads", type=count, default=1, help="processor threads")
    add("--rounds", type=count, default=5, help="interleaved repetitions")
    add("--epochs", type=whole, default=0, help="whole epochs to train and time, too")
    add("--device", default="cpu", help="where to compute: cpu or cuda")
    add("--memory", action="store_true", help="measure peak memory, too")
    add("--out", type=Path, help="JSON file for all numbers")
    beside = "time the closed form instead, beside ridge regression of other packages"
    losses = "compare validation losses of bf16 and float32 over so many seeds instead"
    add("--seeds", type=whole, default=0, help=losses)
    add("--closed-form", nargs="*", choices=REGRESSIONS, help=beside)
    size = "images, channels, samples, features of the closed form; may be repeated"
    add("--size", type=count, nargs=4, action="append", help=size)


def run(given: argparse.Namespace) -> None:
    """Print one table, and write the numbers."""
    if given.closed_form is not None:
        _time_closed_form(given)
        return
    from ...benchmark.studies.speed import measure
    from ...utils.checks import check_device
    from ...utils.files import replacing

    check_device(given.device)
    if "braindecode" in given.compare and find_spec("braindecode") is None:
        print("Not timed: braindecode is missing; pip install mne_brainae[backbones].")
        given.compare = [name for name in given.compare if name != "braindecode"]
    if given.seeds:
        _compare_precisions(given.seeds)
        return
    results = measure(
        given.shape,
        given.chain,
        compare=given.compare,
        batch=given.batch,
        n_threads=given.threads,
        rounds=given.rounds,
        n_epochs=given.epochs,
        memory=given.memory,
        device=given.device,
    )
    print(report(results))
    if given.out:
        with replacing(given.out) as temporary:
            temporary.write_text(json.dumps(results, indent=1))


def _compare_precisions(n_seeds: int) -> None:
    from ...benchmark.studies.precision import compare_precisions

    table = compare_precisions(n_seeds)
    print("Least validation loss of a simulated recording, by seed:")
    print(table.to_string(float_format="{:.4f}".format))
    gap = table["bf16"] - table["float32"]
    print(
        f"bf16 - float32: {gap.mean():+.4f} on average; standard deviation over seeds "
        f"in float32: {table['float32'].std():.4f}"
    )


def _time_closed_form(given: argparse.Namespace) -> None:
    from ...benchmark.studies.closed_form import SIZES, measure
    from ...utils.files import replacing

    names = given.closed_form or REGRESSIONS
    table = measure(given.size or SIZES, [REGRESSIONS[name] for name in names])
    print("Seconds, and what the fit adds to memory in MB and in responses of float32:")
    print(table.to_string(float_format="{:.2f}".format))
    if given.out:
        with replacing(given.out) as temporary:
            table.reset_index().to_json(temporary, orient="records", indent=1)


def report(results: dict) -> str:
    """Write results as a table.

    Parameters
    ----------
    results : dict
        What :func:`mne_brainae.benchmark.studies.speed.measure` returned.

    Returns
    -------
    text : str
        The table.
    """
    lines = _heading(results)
    for chain, result in results["chains"].items():
        lines += ["", *_chain_lines(chain, result, results)]
    lines += ["", f"{CLOSED_FORM}, {_one_epoch(results['one_epoch'])}"]
    return "\n".join(lines)


def _heading(results: dict) -> list[str]:
    """Say what was measured, and where."""
    shape = results["shape"]
    lines = [
        f"{shape['name'].upper()} {shape['n_channels']} x {shape['n_times']}, batch "
        f"{results['batch']}, threads: {results['threads']}, rounds: "
        f"{results['rounds']}; PyTorch {results['torch']}, {results['device']}"
    ]
    if results["bf16_gain"] is not None:
        lines += [
            f"Products of bf16 are {results['bf16_gain']:.2f} times as fast as those "
            "of float32."
        ]
    return lines


def _chain_lines(chain: str, result: dict, results: dict) -> list[str]:
    """Report the steps, the epochs and the use of one chain of convolutions."""
    from ...utils.checks import counted

    minutes, us = TABLE_16[results["shape"]["name"]]
    peak = result["steps"]["fast"]["product_speed"] / 1e9
    epoch = result["epoch"]
    lines = [
        f"{chain} chain (inner_activation={CHAINS[chain]}), while large products "
        f"reach {peak:.0f} GFLOP/s a core",
        *_step_lines(result["steps"]),
        f"  epoch of {epoch['updates']} updates, extrapolated: "
        f"{epoch['wall']:.1f} s; {N_EPOCHS} epochs: "
        f"{N_EPOCHS * epoch['wall'] / 60:.1f} min "
        f"(processor: {N_EPOCHS * epoch['processor'] / 60:.1f} min; Table 16: "
        f"{minutes} min)",
    ]
    if result["whole"] is not None:
        lines += [
            f"  {counted(results['epochs'], 'whole epoch')}, with laying out: "
            f"{result['whole']:.1f} s"
        ]
    lines += [_inference_line(*each, us) for each in result["inference"].items()]
    return [*lines, "  " + _one_epoch(result["one_epoch"])]


def _one_epoch(times: dict) -> str:
    return "one epoch at a time: " + ", ".join(_microseconds(times))


def _inference_line(batch: int, times: dict, us) -> str:
    """Report how long a response takes in a batch, beside others."""
    others = _microseconds({k: v for k, v in times.items() if k != "ours"})
    others += [f"Table 16 {us} us"] * (batch == 200)
    return (
        f"  encoder, batch {batch}: {1e6 * times['ours']:.0f} us per response, "
        + ", ".join(others)
    )


def _microseconds(times: dict) -> list[str]:
    return [f"{name} {1e6 * seconds:.0f} us" for name, seconds in times.items()]


def _step_lines(steps: dict[str, dict]) -> list[str]:
    header = ("step", "wall s", "cpu s", "x wall", "x cpu", "GFLOP", "of peak", "MB")
    rows = [header]
    for name, step in steps.items():
        memory = step.get("memory")
        rows.append(
            (
                name,
                f"{step['wall']:.3f}",
                f"{step['processor']:.3f}",
                f"{step['faster']:.1f}" if "faster" in step else "-",
                f"{step['leaner']:.1f}" if "leaner" in step else "-",
                f"{step['operations'] / 1e9:.1f}" if "share" in step else "-",
                f"{100 * step['share']:.0f} %" if "share" in step else "-",
                "-" if memory is None else f"{memory / 1e6:.0f}",
            )
        )
    return ["  " + "".join(f"{word:>9}" for word in row) for row in rows]
