"""Third-party notices: every package that the .deb carries, with its version, licence and licence text."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from pathlib import Path

from infra.packages.tree import PACKAGES

HEAD = """\
drainer carries the packages below. Each stands under its own licence, whose text follows its name.
"""
RULE = "=" * 100


def write(tree: Path, to: Path) -> Path:
    """One text. Raises SystemExit where a package states no licence, or has no text of it."""
    found = {theirs.name: theirs for theirs in distributions(path=[str(tree / PACKAGES)])}
    sections = [_section(found[name]) for name in sorted(found) if name != "drainer"]
    to.write_text(HEAD + "".join(sections), encoding="utf-8")
    return to


def licence_of(theirs: Distribution) -> str:
    """As the package states it: an expression, else the short field, else its classifiers."""
    said = theirs.metadata
    stated = next((said[name] for name in ("License-Expression", "License") if name in said), "")
    if stated and "\n" not in stated:
        return str(stated)
    classifiers = said.get_all("Classifier") or []
    return ", ".join(c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::"))


def _section(theirs: Distribution) -> str:
    licence, texts = licence_of(theirs), _texts(theirs)
    if not licence or not texts:
        raise SystemExit(f"packages: {theirs.name} {theirs.version} lacks a licence or its text")
    head = f"\n{RULE}\n{theirs.name} {theirs.version}: {licence}\n{RULE}\n\n"
    return head + "\n".join(text.rstrip() + "\n" for text in texts)


def _texts(theirs: Distribution) -> list[str]:
    folder = Path(str(theirs.locate_file(""))) / f"{_folder(theirs)}"
    named = ("licen", "copying", "notice", "authors")
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.read_text(encoding="utf-8") for path in paths if path.name.lower().startswith(named)]


def _folder(theirs: Distribution) -> str:
    return Path(str(getattr(theirs, "_path"))).name  # noqa: B009  the only way to its .dist-info folder
