"""What is wrong with a policy, and where. The cases stand in tests/golden/policy/refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from drainer.policyfile.shapes import record
from tests.unit.policyfile.goldens import Case, cases
from tests.unit.policyfile.samples import KINDS, MINIMAL, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Unspellable:
    codes: frozenset[int] = frozenset()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_every_problem_is_named_with_its_place(case: Case) -> None:
    """Each problem is reported once, at its line and column, with what belongs and what stands there."""
    said = "".join(f"{line.removeprefix('p:')}\n" for line in problems(case.text))
    assert case.says == said


def test_there_are_cases() -> None:
    """An empty folder of cases would prove nothing."""
    assert len(cases()) > 60
    assert all(case.says for case in cases())


@pytest.mark.parametrize(
    "match",
    [
        "{type: Reboot, source: Platform, duration_below: 5s}",
        "{type: Freeze, source: User, duration_below: 5s}",
        "{type: Freeze, duration_below: 5s}",
        "{source: Platform, duration_below: 5s}",
        "{type: Freeze, source: Platform, duration_below: 11s}",
        "{type: Freeze, source: Platform}",
    ],
)
def test_a_rule_that_matches_more_than_its_predecessors_is_reachable(match: str) -> None:
    """Only a rule whose notices are all taken by one earlier rule is refused."""
    first = "{match: {type: Freeze, source: Platform, duration_below: 10s}, do: log}"
    assert not problems(f"version: 1\nrules: [{first}, {{match: {match}}}, {{}}]\n")


def test_a_rule_that_does_not_drain_needs_no_layer() -> None:
    """Without a rule that drains, an empty list of layers is a policy."""
    assert not problems("version: 1\nbackend: []\nrules: [{do: ignore}]\n")


def test_two_layers_of_one_backend_are_two_layers() -> None:
    """Two proxies, each with its own socket, make a policy."""
    assert not problems(f"{MINIMAL}backend: [proxy: {{socket: /a}}, proxy: {{socket: /b}}]\n")


@pytest.mark.parametrize(
    "health",
    ["{http: http://127.0.0.1:81/ready}", "{http: 'https://127.0.0.1/ready'}", "{tcp: 127.0.0.1:80}", "none"],
)
def test_another_route_is_a_deep_check(health: str) -> None:
    """Another port, scheme or kind of check than the probed route, or none at all, is accepted."""
    assert not problems(f"{MINIMAL}health: {health}\n")


def test_the_default_layer_must_exist() -> None:
    """Without `backend` and without a health-probe, the policy says which layer is missing."""
    expected = "p:1:1: backend: expected a list of layers, got nothing, and health-probe is not there"
    assert [expected] == problems(MINIMAL, {"proxy": KINDS["proxy"]})


def test_the_default_layer_must_stand_alone() -> None:
    """A health-probe whose defaults object to each other is reported, not raised."""
    (said,) = problems(MINIMAL, {"health-probe": KINDS["proxy"]})
    assert said == "p:1:1: backend[0].health-probe.socket: expected text, got nothing"


def test_a_broken_address_of_a_layer_is_left_to_its_backend() -> None:
    """An address that cannot be taken apart is no route that could be compared."""
    assert not problems(f'{MINIMAL}backend: [health-probe: {{route: "http://[/"}}]\n')


def test_an_option_that_no_file_can_spell_is_a_fault_of_the_program() -> None:
    """A backend whose options have a type beyond the agreed ones is told so at once."""
    with pytest.raises(TypeError, match="no policy can spell"):
        record(Unspellable)
