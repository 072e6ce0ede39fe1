"""``mne_brainae benchmark speed``: steps, epochs, memory, inference."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from .latency import time_embedding, time_inference
from .shapes import (
    CHAINS,
    N_EPOCHS,
    N_FEATURES,
    N_VALIDATION,
    SHAPES,
    Shape,
    make_network,
)

BETAS = (0.5, 0.999)  # of Adam in the paper (section 4.2), as BrainAE has them
#: What can be timed: how the network is computed, in which precision, and whether the
#: package shares the work among threads or OpenMP does.
VARIANTS = {
    "reference": ("reference", "float32", False),
    "plain": ("plain", "float32", False),
    "fast": ("fast", "float32", True),
    "bf16": ("fast", "bf16", True),
    "openmp": ("fast", "float32", False),
}
#: A variant that has taken this many seconds is not timed again.
PATIENCE = 60.0


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
    add("--batch", type=int, default=800, help="responses per step")
    add("--threads", type=int, default=1, help="processor threads")
    add("--rounds", type=int, default=5, help="interleaved repetitions")
    add("--epochs", type=int, default=0, help="whole epochs to train and time, too")
    add("--memory", action="store_true", help="measure peak memory, too")
    add("--out", type=Path, help="JSON file for all numbers")


def run(given: argparse.Namespace) -> None:
    """Measure, print one table, write the numbers."""
    import torch

    if "braindecode" in given.compare and find_spec("braindecode") is None:
        print("Not timed: braindecode is missing; pip install mne_brainae[backbones].")
        given.compare = [name for name in given.compare if name != "braindecode"]
    before = torch.get_num_threads()
    torch.set_num_threads(given.threads)
    try:
        results = measure(given)
    finally:
        torch.set_num_threads(before)
    print(report(results))
    if given.out:
        from ...utils.files import replacing

        with replacing(given.out) as temporary:
            temporary.write_text(json.dumps(results, indent=1))


def measure(given: argparse.Namespace) -> dict:
    """Measure everything asked for.

    Parameters
    ----------
    given : instance of Namespace
        The command's arguments.

    Returns
    -------
    results : dict
        What was asked for, the machine, and per chain the steps, epochs and inference
        times. All times are in seconds.
    """
    import torch

    shape = SHAPES[given.shape]
    names = [name for name in VARIANTS if name == "fast" or name in given.compare]
    results = {
        "shape": {"name": given.shape, **shape._asdict()},
        "batch": given.batch,
        "threads": given.threads,
        "rounds": given.rounds,
        "epochs": given.epochs,
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "chains": {},
    }
    for chain in given.chain:
        trainers = {
            name: Trainer(shape, chain, name, given.batch, given.threads)
            for name in names
        }
        steps = time_steps(trainers, given.rounds)
        if given.memory:
            for name, step in steps.items():
                step["memory"] = peak_memory(given, chain, name)
        results["chains"][chain] = {
            "steps": steps,
            "epoch": time_epoch(trainers["fast"], steps["fast"]),
            "whole": time_training(trainers["fast"], given.epochs),
            "inference": time_inference(shape, chain, given.rounds, given.compare),
            "embed_epochs": time_embedding(shape, chain, given.rounds),
        }
    return results


@dataclass
class Trainer:
    """One way to train one network on one batch of noise.

    Parameters
    ----------
    shape : instance of Shape
        Size of the responses.
    chain : ``"linear"`` | ``"activated"``
        The network.
    variant : str
        How it is computed, a name of ``VARIANTS``.
    batch, threads : int
        Responses per step, and threads.
    """

    shape: Shape
    chain: str
    variant: str
    batch: int
    threads: int

    def __post_init__(self):
        import torch

        from ...nn.fast.computation import choose_computation
        from ...nn.losses import LOSS_TERMS, BrainAELoss
        from ...nn.reference import reference_of

        kind, precision, self.shares = VARIANTS[self.variant]
        self.network = network = make_network(self.shape, self.chain)
        if kind == "reference":
            self.computation = reference_of(network)
        else:
            self.computation = choose_computation(network, kind, precision)
        self.loss = BrainAELoss(
            dict.fromkeys(LOSS_TERMS, 1.0),
            temperature=0.07,
            learn_temperature=False,
            symmetric=True,
        )
        self.optimizer = torch.optim.Adam(
            network.parameters(), betas=BETAS, fused=kind != "reference"
        )

    @cached_property
    def data(self):
        """Noise, laid out for this computation, and its image features."""
        import torch

        generator = torch.Generator().manual_seed(0)
        brain = torch.randn(
            self.batch, self.shape.n_channels, self.shape.n_times, generator=generator
        )
        image = torch.randn(self.batch, N_FEATURES, generator=generator)
        return self.computation.arrange(brain), image

    def step(self) -> None:
        """Gather, go forward and backward, and update by Adam."""
        import torch

        brain, image = self.data
        rows = torch.randperm(self.batch)
        total, _ = self.loss(self.computation, brain[rows], image[rows])
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()

    def evaluate(self) -> None:
        """Compute the loss of the batch in evaluation mode."""
        import torch

        self.network.eval()
        with torch.no_grad():
            self.loss(self.computation, *self.data)
        self.network.train()

    def timed(self, work: Callable[[], None]) -> tuple[float, float]:
        """Return wall and processor time of some work, in seconds."""
        with threads(self.threads, self.shares):
            wall, processor = time.perf_counter(), time.process_time()
            work()
            return time.perf_counter() - wall, time.process_time() - processor

    def count_products(self) -> float:
        """Return the floating-point operations of one step's matrix products."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode, mm_flop

        def in_place(total, left, right, *others, out_shape=None, **options):
            return mm_flop(left, right)

        mapping = {torch.ops.aten.addmm_: in_place}
        with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
            self.step()
        return float(counter.get_total_flops())


def threads(n_threads: int, shares: bool):
    """Return a context in which the package, or else OpenMP, uses threads."""
    from contextlib import nullcontext

    from ...nn.fast.workers import workers

    return workers(n_threads) if shares else nullcontext()


def time_steps(trainers: dict[str, Trainer], rounds: int) -> dict[str, dict]:
    """Time the steps of several computations in turn.

    Parameters
    ----------
    trainers : dict of Trainer
        The computations.
    rounds : int
        How often. Every round times each of them, and the machine's matrix product.

    Returns
    -------
    steps : dict of dict
        Medians of wall and processor time, how many times as long the reference takes
        where it was timed, operations, and the share of the machine's speed in
        products.
    """
    steps = {name: {"walls": [], "processors": []} for name in trainers}
    peaks = []
    for trainer in trainers.values():
        trainer.data  # noqa: B018 - made before the clock runs
    trainers["fast"].timed(trainers["fast"].step)
    for _ in range(rounds):
        peaks.append(product_speed(trainers["fast"].threads))
        for name, trainer in trainers.items():
            if sum(steps[name]["walls"]) < PATIENCE:
                wall, processor = trainer.timed(trainer.step)
                steps[name]["walls"].append(wall)
                steps[name]["processors"].append(processor)
    for name, step in steps.items():
        step["wall"], step["processor"] = (
            median(step["walls"]),
            median(step["processors"]),
        )
        if name != "reference":  # its steps are long, and its share says little
            step["operations"] = trainers[name].count_products()
            step["product_speed"] = median(peaks)
            speed = step["operations"] / step["processor"]
            step["share"] = speed / step["product_speed"]
        if "reference" in steps:
            step["faster"] = median(steps["reference"]["walls"]) / step["wall"]
            step["leaner"] = (
                median(steps["reference"]["processors"]) / step["processor"]
            )
    return steps


def product_speed(n_threads: int) -> float:
    """Return the machine's speed in large float32 products.

    Parameters
    ----------
    n_threads : int
        Threads that share the product.

    Returns
    -------
    speed : float
        Operations per second of processor time, which a busy machine hardly changes.
    """
    import torch

    from ...nn.fast.precision import Precision
    from ...nn.fast.workers import shared_product

    size = 1536
    left, right = torch.ones(size, size), torch.ones(size, size)
    with threads(n_threads, True):
        shared_product(left, right, Precision())
        start = time.process_time()
        shared_product(left, right, Precision())
        return 2 * size**3 / (time.process_time() - start)


def time_epoch(trainer: Trainer, step: dict) -> dict:
    """Return the time of an epoch of the paper's data, and of its 50 epochs.

    Parameters
    ----------
    trainer : instance of Trainer
        The computation.
    step : dict
        The times of one of its steps, gathering included.

    Returns
    -------
    epoch : dict
        Updates, and wall and processor seconds, extrapolated from a step and from
        validating one batch.
    """
    updates = (trainer.shape.n_images - N_VALIDATION) // trainer.batch
    seconds = {
        name: updates * step[name] + validation * N_VALIDATION / trainer.batch
        for name, validation in zip(
            ("wall", "processor"), trainer.timed(trainer.evaluate), strict=True
        )
    }
    return {"updates": updates, **seconds}


def time_training(trainer: Trainer, n_epochs: int) -> float | None:
    """Train whole epochs on noise of the size of the paper's recording.

    Parameters
    ----------
    trainer : instance of Trainer
        The computation.
    n_epochs : int
        How many epochs; 0 trains none.

    Returns
    -------
    seconds : float | None
        What they took, with laying out, gathering, validation and keeping the best
        weights.
    """
    import torch

    from ...models.training import Pairs, train

    if not n_epochs:
        return None
    shape = trainer.shape

    def noise(n: int) -> Pairs:
        brain = torch.randn(n, shape.n_channels, shape.n_times)
        return Pairs(brain, torch.randn(n, N_FEATURES))

    training, validation = noise(shape.n_images - N_VALIDATION), noise(N_VALIDATION)
    start = time.perf_counter()
    train(
        trainer.network,
        trainer.loss,
        training,
        validation,
        batch_size=trainer.batch,
        max_epochs=n_epochs,
        min_epochs=n_epochs,
        learning_rate=1e-4,
        betas=BETAS,
        seed=0,
        device=torch.device("cpu"),
    )
    return time.perf_counter() - start


def peak_memory(given: argparse.Namespace, chain: str, name: str) -> int:
    """Return what two steps add to the memory of a process of their own, in bytes."""
    code = f"from {__name__} import _print_memory; _print_memory()"
    words = [given.shape, chain, name, str(given.batch), str(given.threads)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(
            f"The process that measures the memory of {name!r} ended with "
            f"{done.returncode}; a smaller --batch may fit. It said: {done.stderr}"
        )
    return int(done.stdout)


def _print_memory() -> None:
    shape, chain, name, batch, threads = sys.argv[1:]
    trainer = Trainer(SHAPES[shape], chain, name, int(batch), int(threads))
    trainer.data  # noqa: B018 - the data count for every computation alike
    before = _peak()
    for _ in range(2):
        trainer.timed(trainer.step)
    print(_peak() - before)


def _peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts the parent's peak, too, in ru_maxrss.
        lines = status.read_text().splitlines()
        return 1024 * int(next(x for x in lines if x.startswith("VmHWM")).split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def report(results: dict) -> str:
    """Write results as a table.

    Parameters
    ----------
    results : dict
        What :func:`measure` returned.

    Returns
    -------
    text : str
        The table.
    """
    from ...utils.checks import counted

    shape = results["shape"]
    lines = [
        f"{shape['name'].upper()} {shape['n_channels']} x {shape['n_times']}, batch "
        f"{results['batch']}, threads: {results['threads']}, rounds: "
        f"{results['rounds']}; PyTorch {results['torch']}, {results['cpu']}"
    ]
    for chain, result in results["chains"].items():
        peak = result["steps"]["fast"]["product_speed"] / 1e9
        lines += [
            "",
            f"{chain} chain (inner_activation={CHAINS[chain]}), while large products "
            f"reach {peak:.0f} GFLOP/s a core",
        ]
        lines += _step_lines(result["steps"])
        epoch = result["epoch"]
        lines += [
            f"  epoch of {epoch['updates']} updates, extrapolated: "
            f"{epoch['wall']:.1f} s; {N_EPOCHS} epochs: "
            f"{N_EPOCHS * epoch['wall'] / 60:.1f} min "
            f"(processor: {N_EPOCHS * epoch['processor'] / 60:.1f} min)"
        ]
        if result["whole"] is not None:
            lines += [
                f"  {counted(results['epochs'], 'whole epoch')}, with laying out: "
                f"{result['whole']:.1f} s"
            ]
        for batch, times in result["inference"].items():
            others = [
                f"{name} {1e6 * seconds:.0f} us"
                for name, seconds in times.items()
                if name != "ours"
            ]
            lines += [
                f"  encoder, batch {batch}: {1e6 * times['ours']:.0f} us per response, "
                + ", ".join(others)
            ]
        lines += [f"  embed_epochs on one epoch: {1e6 * result['embed_epochs']:.0f} us"]
    return "\n".join(lines)


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
