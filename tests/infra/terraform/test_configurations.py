"""Terraform itself finds the configurations well formed and true to the provider's schema."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra.terraform.given import changed
from tests.infra.terraform.tool import CONFIGURATIONS, Tool

ALL = ("modules/drainer", "demo")


def test_is_written_as_terraform_writes_it(configuration: Callable[[str], Tool]) -> None:
    """`fmt -check` changes nothing in any file."""
    configuration(".").granted("fmt", "-check", "-recursive", "-diff", "-no-color")


@pytest.mark.parametrize("path", ALL)
def test_is_valid(configuration: Callable[[str], Tool], path: str) -> None:
    """`validate` has neither an error nor a warning."""
    ran = configuration(path).run("validate", "-no-color")
    assert ran.code == 0, ran.said
    assert "Success! The configuration is valid." in ran.said


@pytest.mark.parametrize("path", ALL)
def test_pins_its_versions(path: str) -> None:
    """Each configuration says which Terraform and which provider it is for."""
    text = (CONFIGURATIONS / path / "versions.tf").read_text()
    assert 'required_version = ">= 1.9, < 2.0"' in text
    assert '"~> 4.55"' in text


@pytest.mark.parametrize(("path", "runs"), [("modules/drainer", 15), ("demo", 2)])
def test_its_own_tests_pass(configuration: Callable[[str], Tool], path: str, runs: int) -> None:
    """`terraform test`, with a mocked provider, passes every run that its files hold."""
    tool = configuration(path)
    assert f"Success! {runs} passed, 0 failed." in tool.granted("test", "-no-color")


def test_its_own_tests_can_fail(configuration: Callable[[str], Tool]) -> None:
    """A module whose balancer asks where nobody answers does not pass."""
    tool = configuration("modules/drainer")
    changed(tool.directory / "install.tf", old="? 9180 :", new="? 9181 :")
    ran = tool.run("test", "-no-color")
    assert ran.code == 1
    assert "The balancer must ask the sidecar." in ran.flat
