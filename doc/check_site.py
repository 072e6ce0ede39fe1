"""Check the built site: its links lead somewhere, and its pictures are there.

``python doc/check_site.py doc/_build/html`` prints what is broken, and fails then.
Links to other sites are not followed, so that it needs no network.
"""

# License: BSD-3-Clause

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, pictures and anchors of one page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.nameless: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Collect what an element refers to, and what refers to it."""
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        if tag == "img" and "alt" not in given:
            self.nameless.append(given.get("src", ""))


def check(site: Path) -> list[str]:
    """Return one line per broken link or picture without a description."""
    files = [
        path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts
    ]
    pages = {path.resolve(): Page(path) for path in files}
    broken = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        broken += [f"{name}: no description of {picture}" for picture in page.nameless]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            anchor = unquote(parts.fragment)
            if not target.exists():
                broken.append(f"{name}: {link} does not exist")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                broken.append(f"{name}: {link} has no such anchor")
    return broken


if __name__ == "__main__":
    site = Path(sys.argv[1])
    if not (site / "index.html").exists():
        sys.exit(f"{site} holds no built site; run `make doc` first.")
    sys.exit("\n".join(check(site)) or 0)
