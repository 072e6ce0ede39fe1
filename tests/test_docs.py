"""The documentation is complete, and its docstrings and commands are in order."""

import ast
import inspect
import os
import re
import textwrap
import tomllib
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate
from public import OBJECTS, ROOT, resolve

from mne_brainae.commands import make_parser

API = ROOT / "doc" / "api.rst"
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))


def listed_in_api() -> set[str]:
    """Read the full names that the autosummaries of api.rst list."""
    module, listed = "", set()
    for line in API.read_text("utf-8").splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.match(r" {3}([A-Za-z_][\w.]*)$", line):
            listed.add(f"{module}.{found[1]}")
    return listed


@pytest.mark.parametrize(
    "name", [o for o in OBJECTS if not inspect.isclass(resolve(o.rpartition(".")[0]))]
)
def test_api_lists_every_public_name(name):
    assert name in listed_in_api()


def test_api_lists_nothing_else():
    assert listed_in_api() <= set(OBJECTS)


CHECKS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CHECKS = CHECKS["tool"]["numpydoc_validation"]["checks"]


def complaints(name: str) -> list[str]:
    """Validate one docstring by the settings of pyproject.toml."""
    select_all = "all" in CHECKS
    return [
        f"{code} {text}"
        for code, text in validate(name)["errors"]
        if (code in CHECKS) != select_all
    ]


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_follows_numpydoc(name):
    assert complaints(name) == []


@pytest.mark.parametrize("name", OBJECTS)
def test_shared_texts_are_filled_in(name):
    assert "%(" not in resolve(name).__doc__


def code_of(name: str):
    """Return the function behind a public name, of a class what makes its instances."""
    value = resolve(name)
    if inspect.isclass(value):
        own = vars(value)
        return own.get("__post_init__") or own.get("__init__")
    return value.fget if isinstance(value, property) else value


def raised_by(function) -> set[str]:
    """Name the errors that the body of a function raises by itself."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    errors = [
        node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise) and node.exc is not None
    ]
    return {error.id for error in errors}


def is_generated(function) -> bool:
    """Tell the methods that a dataclass writes, which have no source."""
    return inspect.unwrap(function).__code__.co_filename == "<string>"


WITH_CODE = [n for n in OBJECTS if code_of(n) and not is_generated(code_of(n))]


@pytest.mark.parametrize("name", WITH_CODE)
def test_errors_are_documented(name):
    documented = {entry.type for entry in get_doc_object(resolve(name))["Raises"]}
    assert raised_by(code_of(name)) <= documented


@pytest.mark.parametrize("name", OBJECTS)
def test_errors_have_a_section_of_their_own(name):
    doc = get_doc_object(resolve(name))
    text = " ".join(
        " ".join(entry.desc) for entry in doc["Parameters"] + doc["Returns"]
    )
    assert not re.search(r"\b(is|are) an? \w+Error", text)


@pytest.mark.parametrize("name", sorted(listed_in_api()))
def test_functions_and_classes_lead_to_others(name):
    assert get_doc_object(resolve(name))["See Also"]


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_seen_also_exists(name):
    for links, _ in get_doc_object(resolve(name))["See Also"]:
        for link, _ in links:
            assert resolve(link) is not None


#: Of the schema of the Citation File Format 1.2.0, what this file makes use of.
CFF_REFERENCE = {
    "type", "title", "authors", "journal", "volume", "issue", "start", "end", "year",
    "doi", "notes",
}  # fmt: skip
CFF_TYPES = {"article", "unpublished", "software", "data", "conference-paper"}


def test_citation_file_has_what_its_format_requires():
    import yaml

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "BSD-3-Clause"
    assert citation["authors"] == [{"name": "The mne_brainae developers"}]
    for key in ("message", "title"):
        assert isinstance(citation[key], str)
    assert citation["type"] in ("software", "dataset")
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= set(reference) <= CFF_REFERENCE
        assert reference["type"] in CFF_TYPES
        for author in reference["authors"]:
            assert set(author) in ({"name"}, {"family-names", "given-names"})
        assert isinstance(reference.get("year", 2000), int)
        assert re.match(r"10\.\d{4,9}/\S+$", reference.get("doi", "10.1234/none"))
        for key in ("volume", "issue", "start", "end"):
            assert isinstance(reference.get(key, ""), str | int)


def test_bibliography_and_citation_file_name_the_same_works():
    bibliography = (ROOT / "doc" / "references.bib").read_text("utf-8")
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    in_bibliography = set(re.findall(r"doi = \{(\S+)\}", bibliography))
    assert in_bibliography == set(re.findall(r"doi: (\S+)", citation))


PAGES = [
    page.relative_to(ROOT / "doc").with_suffix("").as_posix()
    for pattern in ("*.rst", "guide/*.rst")
    for page in sorted((ROOT / "doc").glob(pattern))
]


def pages_below(page: str) -> set[str]:
    """Follow the tables of contents from one page."""
    source = ROOT / "doc" / f"{page}.rst"
    if not source.exists():  # the gallery is made in the build
        return set()
    found = {page}
    for block in re.findall(r"\.\. toctree::\n((?: {3}.*\n|\n)+)", source.read_text()):
        for entry in re.findall(r"^ {3}([\w./]+)$", block, re.MULTILINE):
            below = os.path.normpath(Path(page).parent / entry)
            found |= pages_below(Path(below).as_posix())
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_reachable(page):
    assert page in pages_below("index")


def written_commands() -> dict[str, str]:
    """Collect the commands that the pages tell a reader to type."""
    found = {}
    pages = [ROOT / "README.md", *(ROOT / f"doc/{page}.rst" for page in PAGES)]
    for page in pages + TUTORIALS:
        text = page.read_text("utf-8")
        if page.suffix == ".py":
            text = re.sub("^# ?", "", text, flags=re.MULTILINE)
        text = text.replace("\\\n", " ")
        typed = re.findall(
            r"^ +(?:\$ )?((?:\w+=\S+ )?mne_brainae .*)$", text, re.MULTILINE
        )
        quoted = re.findall(r"`+(?:python -m )?(mne_brainae [^`]+)`+", text)
        for command in typed + quoted:
            words = " ".join(command.split("#")[0].split())
            found.setdefault(words, page.name)
    return found


COMMANDS = written_commands()


@pytest.mark.parametrize("command", sorted(COMMANDS), ids=str)
def test_commands_on_the_pages_are_understood(command, capsys):
    words = command.partition("mne_brainae ")[2].replace("--session S ", "").split()
    try:
        make_parser().parse_args(words)
        complaint = ""
    except SystemExit:
        complaint = capsys.readouterr().err
    # A page may name a command without what it needs: ``mne_brainae datasets``.
    assert not complaint or "are required" in complaint, COMMANDS[command]


def test_names_on_the_pages_exist():
    for page in [ROOT / "README.md", *(ROOT / f"doc/{page}.rst" for page in PAGES)]:
        for name in re.findall(r"\bmne_brainae(?:\.[A-Za-z_]\w*)+", page.read_text()):
            if not name.endswith((".safetensors", ".egg")):
                resolve(name.removesuffix("."))
