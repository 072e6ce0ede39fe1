"""The speed of training and inference: steps, epochs, memory, single responses."""

# License: BSD-3-Clause

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode, mm_flop

from ...models.training import Pairs, train
from ...nn.fast.computation import choose_computation
from ...nn.fast.precision import Precision, gain_of_bf16
from ...nn.fast.workers import shared_product, workers
from ...nn.losses import LOSS_TERMS, BrainAELoss
from ...nn.reference import reference_of
from ...utils.torch_state import exact
from .latency import finish, time_inference, time_one_epoch
from .shapes import (
    CHAINS,
    CLOSED_FORM,
    N_FEATURES,
    N_VALIDATION,
    SHAPES,
    VARIANTS,
    Shape,
    make_network,
)

BETAS = (0.5, 0.999)  # of Adam in the paper (section 4.2), as BrainAE has them
#: A variant that has taken this many seconds is not timed again.
PATIENCE = 60.0


def measure(
    shape: str,
    chains: Iterable[str] = tuple(CHAINS),
    *,
    compare: Iterable[str] = (),
    batch: int = 800,
    n_threads: int = 1,
    rounds: int = 5,
    n_epochs: int = 0,
    memory: bool = False,
    device: str = "cpu",
) -> dict:
    """Time steps, epochs and inference of the paper's network on noise.

    Parameters
    ----------
    shape : str
        The recording, a name of ``SHAPES``.
    chains : iterable of str
        The networks, names of ``CHAINS``.
    compare : iterable of str
        What is timed besides: names of ``VARIANTS``, and ``"braindecode"`` for an
        encoder of that package.
    batch : int
        Responses per step.
    n_threads : int
        Processor threads.
    rounds : int
        Repetitions, in turn.
    n_epochs : int
        Whole epochs to train and time, too.
    memory : bool
        Whether to measure peak memory, too, on the CPU.
    device : str
        Where to compute, ``"cpu"`` or ``"cuda"``. On CUDA, times of the processor are
        those of the program that starts the work.

    Returns
    -------
    results : dict
        What was asked for, the machine, per chain the steps, epochs and inference
        times, and the times of a closed form on one epoch. All are in seconds.
    """
    size = SHAPES[shape]
    names = [name for name in VARIANTS if name == "fast" or name in compare]
    results = {
        "shape": {"name": shape, **size._asdict()},
        "batch": batch,
        "threads": n_threads,
        "rounds": rounds,
        "epochs": n_epochs,
        "torch": torch.__version__,
        "device": name_of(torch.device(device)),
        "bf16_gain": gain_of_bf16() if device == "cpu" else None,
        "chains": {},
    }
    for chain in chains:
        how = batch, n_threads, device
        trainers = {name: Trainer(size, chain, name, *how) for name in names}
        with torch_threads(n_threads):
            steps = time_steps(trainers, rounds)
            if memory:
                for name, step in steps.items():
                    step["memory"] = peak_memory(shape, trainers[name])
            results["chains"][chain] = {
                "steps": steps,
                "epoch": time_epoch(trainers["fast"], steps["fast"]),
                "whole": time_training(trainers["fast"], n_epochs),
                "inference": time_inference(size, chain, rounds, compare, device),
                "one_epoch": time_one_epoch(size, chain, rounds, device),
            }
    with torch_threads(n_threads):
        results["one_epoch"] = time_one_epoch(size, CLOSED_FORM, rounds, device)
    return results


def name_of(device: torch.device) -> str:
    """Return the instructions of the processor, or the name of the card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability()


@contextmanager
def torch_threads(n_threads: int):
    """Let PyTorch use so many threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
    device : str
        Where it is computed.
    """

    shape: Shape
    chain: str
    variant: str
    batch: int
    threads: int
    device: str = "cpu"

    def __post_init__(self):
        kind, precision, self.shares = VARIANTS[self.variant]
        self.place = torch.device(self.device)
        self.shares = self.shares and self.place.type == "cpu"
        network = make_network(self.shape, self.chain).to(self.place)
        self.network = network
        if kind == "reference":
            self.computation = reference_of(network)
        else:
            self.computation = choose_computation(network, kind, precision, self.place)
        self.loss = BrainAELoss(
            dict.fromkeys(LOSS_TERMS, 1.0),
            temperature=0.07,
            learn_temperature=False,
            symmetric=True,
        ).to(self.place)
        self.optimizer = torch.optim.Adam(
            network.parameters(), betas=BETAS, fused=kind != "reference"
        )

    @cached_property
    def data(self):
        """Noise, laid out for this computation, and its image features."""
        generator = torch.Generator().manual_seed(0)
        brain = torch.randn(
            self.batch, self.shape.n_channels, self.shape.n_times, generator=generator
        )
        image = torch.randn(self.batch, N_FEATURES, generator=generator)
        arranged = self.computation.arrange(brain).to(self.place)
        return arranged, image.to(self.place)

    def step(self) -> None:
        """Gather, go forward and backward, and update by Adam."""
        brain, image = self.data
        rows = torch.randperm(self.batch, device=self.place)
        total, _ = self.loss(self.computation, brain[rows], image[rows])
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()

    def evaluate(self) -> None:
        """Compute the loss of the batch in evaluation mode."""
        self.network.eval()
        with torch.no_grad():
            self.loss(self.computation, *self.data)
        self.network.train()

    def timed(self, work: Callable[[], None]) -> tuple[float, float]:
        """Return wall and processor time of some work, in seconds."""
        with exact(), threads(self.threads, self.shares):
            finish(self.place)
            wall, processor = time.perf_counter(), time.process_time()
            work()
            finish(self.place)
            return time.perf_counter() - wall, time.process_time() - processor

    def count_products(self) -> float:
        """Return the floating-point operations of one step's matrix products."""

        def in_place(total, left, right, *others, out_shape=None, **options):
            return mm_flop(left, right)

        mapping = {torch.ops.aten.addmm_: in_place}
        with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
            self.step()
        return float(counter.get_total_flops())


def threads(n_threads: int, shares: bool) -> AbstractContextManager:
    """Return a context in which the package, or else OpenMP, uses threads."""
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
        Medians of wall and processor time, how many times the reference takes as long
        where it was timed, operations, and the share of the machine's speed in
        products.
    """
    steps = {name: {"walls": [], "processors": []} for name in trainers}
    peaks = []
    for trainer in trainers.values():
        trainer.data  # noqa: B018 - made before the clock runs
    trainers["fast"].timed(trainers["fast"].step)
    for _ in range(rounds):
        peaks.append(product_speed(trainers["fast"].threads, trainers["fast"].place))
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
            on_cpu = trainers[name].place.type == "cpu"
            busy = step["processor" if on_cpu else "wall"]
            speed = step["operations"] / busy
            step["share"] = speed / step["product_speed"]
        if "reference" in steps:
            step["faster"] = median(steps["reference"]["walls"]) / step["wall"]
            step["leaner"] = (
                median(steps["reference"]["processors"]) / step["processor"]
            )
    return steps


def product_speed(n_threads: int, place: torch.device) -> float:
    """Return the machine's speed in large float32 products.

    Parameters
    ----------
    n_threads : int
        Threads that share the product.
    place : device
        Where it is computed.

    Returns
    -------
    speed : float
        Operations per second: on the CPU of processor time, which a busy machine
        hardly changes; on a card by the clock.
    """
    on_cpu = place.type == "cpu"
    size = 1536 if on_cpu else 8192
    clock = time.process_time if on_cpu else time.perf_counter
    left, right = (torch.ones(size, size, device=place) for _ in range(2))
    with exact(), threads(n_threads, on_cpu):
        shared_product(left, right, Precision())
        finish(place)
        start = clock()
        shared_product(left, right, Precision())
        finish(place)
        return 2 * size**3 / (clock() - start)


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
        device=trainer.place,
    )
    return time.perf_counter() - start


def peak_memory(shape: str, trainer: Trainer) -> int:
    """Return what two steps add to the memory of a process of their own, in bytes.

    Parameters
    ----------
    shape : str
        The recording, a name of ``SHAPES``.
    trainer : instance of Trainer
        What is trained.

    Returns
    -------
    n_bytes : int
        The memory.

    Raises
    ------
    RuntimeError
        If the process ended in an error, as it does where memory is too small.
    """
    code = f"import sys; from {__name__} import added; print(added(*sys.argv[1:]))"
    words = (trainer.chain, trainer.variant, trainer.batch, trainer.threads)
    done = subprocess.run(
        [sys.executable, "-c", code, shape, *(str(word) for word in words)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"The process that measures the memory of {trainer.variant!r} ended with "
            f"{done.returncode}; a smaller batch may fit. It said: {done.stderr}"
        )
    return int(done.stdout)


def added(shape: str, chain: str, name: str, batch: str, n_threads: str) -> int:
    """Return what two steps add to the peak memory of this process, in bytes."""
    trainer = Trainer(SHAPES[shape], chain, name, int(batch), int(n_threads))
    trainer.data  # noqa: B018 - the data count for every computation alike
    before = peak()
    for _ in range(2):
        trainer.timed(trainer.step)
    return peak() - before


def peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts the parent's peak, too, in ru_maxrss.
        lines = status.read_text().splitlines()
        return 1024 * int(next(x for x in lines if x.startswith("VmHWM")).split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget_peak() -> int:
    """Let :func:`peak` start from the memory that is held now, and return that.

    Where the system cannot, the peak so far is returned, and hides what is smaller.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # as proc(5) describes
    return peak()
