"""Lay out the documentation as the repository has it, add the generated references, and build the site.

`python -m infra.docs.build` writes dist/site. Links of a page hold as they do in the repository, since every
page keeps its place there. Exit code: that of mkdocs, which is told that a broken link is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.docs.reference import command_line, policy

ROOT = Path(__file__).parents[2]
LAID_OUT = ROOT / "build" / "docs"
CONFIGURATION = Path(__file__).parent / "mkdocs.yml"
TREES = ("docs", "policies", "examples", "infra")
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".terraform*", "mkdocs.yml")


def lay_out() -> None:
    """Everything that a page may link to, at its place."""
    shutil.rmtree(LAID_OUT, ignore_errors=True)
    LAID_OUT.mkdir(parents=True)
    for tree in TREES:
        shutil.copytree(ROOT / tree, LAID_OUT / tree, ignore=LEFT_OUT)
    for page in PAGES:
        shutil.copy(ROOT / page, LAID_OUT)
    generated = LAID_OUT / "reference"
    generated.mkdir()
    (generated / "command-line.md").write_text(command_line(), encoding="utf-8")
    (generated / "policy.md").write_text(policy(), encoding="utf-8")


def main() -> int:
    lay_out()
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "-f", str(CONFIGURATION)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    pages = len(list((ROOT / "dist" / "site").rglob("*.html"))) if built.returncode == 0 else 0
    print(f"docs: {pages} pages in dist/site" if pages else "docs: not built")
    return built.returncode


if __name__ == "__main__":
    raise SystemExit(main())
