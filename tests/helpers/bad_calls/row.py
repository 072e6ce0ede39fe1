"""One bad call, and the words that the answer to it must hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass
class BadCall:
    """A call that is refused: its name, the call on a world, words of the message."""

    name: str
    call: Callable
    words: tuple[str, ...] = ()
    came: object = None


def bad_params(name: str, call: Callable, /, **params) -> Iterator[BadCall]:
    """Yield one call per bad value of a parameter.

    The answer must name the parameter. ``call`` takes the world and the parameter.
    """
    for param, values in params.items():
        for value in values:

            def bad(world, param=param, value=value):
                return call(world, **{param: value})

            yield BadCall(f"{name} {param}={value!r:.40}", bad, (param,), value)


#: What is not a count.
COUNTS = (0, -1, 1.5, "3")
#: What is not a share of a whole between 0 and 1.
SHARES = (-0.1, 1.5, "half", float("nan"))
#: What is no positive number.
POSITIVES = (0, -1.0, "long", float("nan"))
#: What is not one of some names.
OPTIONS = ("nonsense", 3, None)
#: What is not a truth value.
FLAGS = ("no", 2, None)
