"""Work shared by threads that sleep while they wait.

The threads of OpenMP, which PyTorch uses within one operation, spin at the end of
every operation until the slowest has come. Beside one busy process a step of many
short operations then takes several times longer than on a single thread. Here the
rows of a batch are divided among threads of Python instead, the calling one among
them, each of which runs whole chains of operations: PyTorch releases the interpreter's
lock within an operation, and a thread that waits, sleeps.

A product divides by the rows of its left factor: with X in parts X_1, X_2,

    X W' = [X_1 W'; X_2 W'],   d/dX: [G_1 W; G_2 W],   d/dW: G'X, by the rows of G'.

Every part of a product is written by one thread.

The division depends on the number of threads alone, so that one number gives one
result, however busy the machine is.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.autograd import Function

from ...utils.torch_state import threads
from .precision import Precision

MANY = 32  # rows for which threads are started

#: The threads besides the calling one, which alone sees them, and their number with it.
_crew: ContextVar[tuple[ThreadPoolExecutor | None, int]] = ContextVar(
    "crew", default=(None, 1)
)


@contextmanager
def workers(n_threads: int) -> Iterator[None]:
    """Let :func:`share` divide its work among threads, within a block.

    Parameters
    ----------
    n_threads : int
        How many. Within the block single operations use one thread each; afterwards
        PyTorch's number of threads is what it was.
    """
    n_others = max(n_threads - 1, 1)  # an executor wants one, and starts none unasked
    with (
        threads(1),
        ThreadPoolExecutor(n_others, initializer=_use_one_thread) as crew,
    ):
        token = _crew.set((crew, n_threads))
        try:
            yield
        finally:
            _crew.reset(token)


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def n_threads() -> int:
    """Return how many threads share work: those of :func:`workers`, or PyTorch's."""
    crew, n = _crew.get()
    return torch.get_num_threads() if crew is None else n


def workers_for(rows: Tensor) -> AbstractContextManager:
    """Return :func:`workers` for one call, where that pays.

    Parameters
    ----------
    rows : Tensor, shape (n_rows, ...)
        What the call is about.

    Returns
    -------
    workers : context manager
        As many threads as PyTorch has; none for a few rows, which are done before
        threads have started, nor on other devices than the CPU, nor within
        :func:`workers`.
    """
    n_threads = torch.get_num_threads()
    within, few = _crew.get()[0] is not None, len(rows) < MANY
    if within or few or n_threads == 1 or rows.device.type != "cpu":
        return nullcontext()
    return workers(n_threads)


def share(n_rows: int, work: Callable[[int, int], object]) -> list:
    """Call ``work(start, stop)`` on equal parts of some rows, one part per thread.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    work : callable
        What to do with the rows from ``start`` to ``stop``, without gradients.

    Returns
    -------
    results : list
        What every part returned, in order.
    """
    crew, n_threads = _crew.get()
    n_parts = max(min(n_threads, n_rows), 1)
    bounds = [n_rows * part // n_parts for part in range(n_parts + 1)]
    parts = list(pairwise(bounds))

    inference = torch.is_inference_mode_enabled()

    def without_gradients(part):
        with torch.inference_mode(inference), torch.no_grad():
            return work(*part)

    if n_parts == 1:
        return [without_gradients(parts[0])]
    others = [crew.submit(without_gradients, part) for part in parts[1:]]
    try:
        first = without_gradients(parts[0])
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]


def linear(layer: nn.Module, rows: Tensor, precision: Precision) -> Tensor:
    """Apply a module; the products of a linear layer are shared by the threads.

    Parameters
    ----------
    layer : Module
        Any module.
    rows : Tensor, shape (n_rows, n_in)
        Its input.
    precision : instance of Precision
        The precision of the factors.

    Returns
    -------
    rows : Tensor, shape (n_rows, n_out)
        Its output.
    """
    if type(layer) is not nn.Linear or (_crew.get()[0] is None and not precision.bf16):
        return layer(rows)
    return _Linear.apply(rows, layer.weight, layer.bias, precision)


def inner_products(left: Tensor, right: Tensor) -> Tensor:
    """Multiply every row of one matrix with every row of another.

    Parameters
    ----------
    left, right : Tensor, shape (n_left, n_inner) | (n_right, n_inner)
        The rows.

    Returns
    -------
    products : Tensor, shape (n_left, n_right)
        ``left @ right.T``, shared by the threads forward and backward.
    """
    if _crew.get()[0] is None:
        return left @ right.T
    return _Linear.apply(left, right, None, Precision())


class _Linear(Function):
    @staticmethod
    def forward(ctx, rows, weight, bias, precision):
        rows, weight = precision.factor(rows), precision.factor(weight)
        ctx.save_for_backward(rows, weight)
        ctx.precision, ctx.has_bias = precision, bias is not None
        product = shared_product(rows, weight.T, precision)
        return product if bias is None else product.add_(bias)

    @staticmethod
    def backward(ctx, gradient):
        rows, weight = ctx.saved_tensors
        factor = ctx.precision.factor(gradient)
        d_rows = d_weight = d_bias = None
        if ctx.needs_input_grad[0]:
            d_rows = shared_product(factor, weight, ctx.precision)
        if ctx.needs_input_grad[1]:
            d_weight = shared_product(factor.T, rows, ctx.precision)
        if ctx.has_bias:
            d_bias = gradient.sum(0)
        return d_rows, d_weight, d_bias, None


def shared_product(left: Tensor, right: Tensor, precision: Precision) -> Tensor:
    """Multiply two matrices, the rows of the left one shared by the threads.

    Parameters
    ----------
    left : Tensor, shape (n_rows, n_inner)
        The one factor.
    right : Tensor, shape (n_inner, n_columns)
        The other.
    precision : instance of Precision
        The precision, which says what the product comes in.

    Returns
    -------
    product : Tensor, shape (n_rows, n_columns)
        The product.
    """
    product = left.new_empty(len(left), right.shape[1])
    share(
        len(left),
        lambda start, stop: torch.mm(left[start:stop], right, out=product[start:stop]),
    )
    return precision.result(product)
