"""The modules of our packages, found as files: to name one must not import it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("drainer", "metadata_server")


def files(named: Iterable[str]) -> list[str]:
    """The source files of these modules and packages."""
    wanted = tuple(named)
    return [str(path) for module, path in _every() if _beneath(module, wanted)]


def others(named: Iterable[str]) -> list[str]:
    """Every module of ours that is none of these and in none of them."""
    wanted = tuple(named)
    return [module for module, _ in _every() if not _beneath(module, wanted)]


def _every() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def _beneath(module: str, named: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in named)
