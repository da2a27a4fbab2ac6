"""The documentation as a site: it builds without a broken link, and its generated pages are whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drainer.settings import FLAGS
from infra.docs.reference import command_line, policy

ROOT = Path(__file__).parents[3]


def built(*, broken: str = "") -> subprocess.CompletedProcess[str]:
    """`broken`: text that is added to a page that was laid out."""
    program = "from infra.docs import build\n"
    if broken:
        program += (
            "laid = build.lay_out\n"
            "def lay_out():\n"
            "    laid()\n"
            f"    with (build.LAID_OUT / 'docs' / 'day2.md').open('a') as page: page.write({broken!r})\n"
            "build.lay_out = lay_out\n"
        )
    program += "raise SystemExit(build.main())\n"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_site_builds_only_where_every_link_holds() -> None:
    """Every page has its place; a link to nowhere, or to no place on a page, is an error."""
    found = built()
    assert found.returncode == 0, found.stderr
    assert "pages in dist/site" in found.stdout
    for broken in ("\n[gone](gone.md)\n", "\n[gone](runbook.md#gone)\n"):
        found = built(broken=broken)
        assert found.returncode != 0
        assert "gone" in found.stderr


def test_every_alternative_was_read_at_a_state_and_on_a_day() -> None:
    """Of each repository that is compared the commit is named, and of the whole page the day."""
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert re.search(r"^Read on \d{4}-\d\d-\d\d, ", page, re.M)
    sources = re.findall(r"^\d+\. (?:.+\n)+?(?=\d+\. |\Z)", page.partition("## Sources\n")[2], re.M)
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", page)}
    assert [int(source.partition(".")[0]) for source in sources] == sorted(cited)
    for source in sources:
        assert "github.com" not in source or re.search(r"at commit [0-9a-f]{7}\b", source), source


def test_every_flag_is_in_the_reference() -> None:
    """With its help; the text comes from the parser."""
    page = command_line()
    for flag in FLAGS.values():
        assert f"`{flag.option}" in page
    for verb in ("run", "once", "status", "drain", "certify"):
        assert f"\n## {verb}\n" in page


def test_every_key_is_in_the_reference() -> None:
    """Of the policy and of every backend, at its place."""
    page = policy()
    schema = json.loads((ROOT / "policies" / "schema.json").read_text(encoding="utf-8"))
    names = set(keys(schema))
    assert {"version", "drain_timeout", "marker", "servers"} <= names
    for name in names:
        assert f"{name}`" in page, name


def keys(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in node.values():
            yield from keys(value)
    if isinstance(node, list):
        for value in node:
            yield from keys(value)
