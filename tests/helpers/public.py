"""The public names of the package, read from its stubs."""

import ast
import importlib
import inspect
from pathlib import Path

import mne_brainae

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mne_brainae"
STUBS = (
    "__init__.pyi",
    "datasets/__init__.pyi",
    "generation/__init__.pyi",
    "viz/__init__.pyi",
)


def names_in_stub(stub: Path) -> list[str]:
    """Read ``__all__`` of a stub without running it."""
    for node in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise ValueError(f"{stub} has no __all__.")


def public_objects() -> list[str]:
    """Name every public function, class, method and property of the package."""
    found = []
    for stub in STUBS:
        where = ".".join(["mne_brainae", *Path(stub).parts[:-1]])
        module = importlib.import_module(where)
        for name in names_in_stub(PACKAGE / stub):
            value = getattr(module, name)
            if inspect.ismodule(value):
                if hasattr(value, "__path__"):
                    continue
                found += [
                    f"{value.__name__}.{inner}"
                    for inner, function in vars(value).items()
                    if not inner.startswith("_")
                    and inspect.isfunction(function)
                    and function.__module__ == value.__name__
                ]
                continue
            found.append(f"{where}.{name}")
            if inspect.isclass(value):
                found += [
                    f"{where}.{name}.{member}"
                    for member, what in vars(value).items()
                    if not member.startswith("_")
                    and (inspect.isfunction(what) or isinstance(what, property))
                ]
    return found


def resolve(name: str):
    """Return the object of a dotted name."""
    value = mne_brainae
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


OBJECTS = public_objects()
