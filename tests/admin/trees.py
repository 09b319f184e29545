"""The trees of a page, read back from its HTML."""

import re
from html.parser import HTMLParser
from typing import Any

Path = tuple[str, ...]


class _Trees(HTMLParser):
    """Every list item below a ``wf-tree``, as the texts from the root to it."""

    def __init__(self) -> None:
        super().__init__()
        self.divs: list[bool] = []
        self.open: list[str] = []
        self.is_leaf = False
        self.trees: list[set[Path]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div":
            is_tree = "wf-tree" in (dict(attrs).get("class") or "").split()
            self.divs.append(is_tree)
            if is_tree:
                self.trees.append(set())
        elif tag == "li" and any(self.divs):
            self.open.append("")
            self.is_leaf = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self.divs.pop()
        elif tag == "li" and self.open:
            if self.is_leaf:
                self.trees[-1].add(tuple(map(words, self.open)))
            self.is_leaf = False
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1] += data


def words(text: str) -> str:
    """Without since when it is, which the clock decides."""
    return re.sub(r" since .*", "", " ".join(text.split()))


def trees(html: str) -> list[set[Path]]:
    parser = _Trees()
    parser.feed(html)
    assert (parser.divs, parser.open) == ([], [])
    return parser.trees


def expected_path(
    account: str, way: dict[str, Any], members: set[tuple[str, str]], on: str = ""
) -> Path:
    """How a way of the API reads in a tree; ``members`` are the (member, role) there are."""
    hops, member = [account], account
    for number, role in enumerate(way["via"]):
        kind = "SET ROLE" if number < way["set_role"] else "role"
        implied = "" if (member, role) in members else " has it without being a member"
        hops.append(f"{kind} {role}{implied}")
        member = role
    end = "granted to everybody public" if way["to"] == "public" != member else "granted"
    end = f"{way['power']} gives it without a grant" if way["power"] else f"{end}{on}"
    return (*hops, f"{end}{' may pass it on' if way['grantable'] else ''}")
