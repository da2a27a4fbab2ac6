"""What an accepted policy leaves open."""

from __future__ import annotations

import pytest

from drainer.policyfile import load, warnings
from drainer.wiring import built_in_kinds
from tests.unit.policyfile.samples import KINDS, MINIMAL

PROXY = "backend: [proxy: {socket: /s}]\n"
COMMAND = "backend: [command: {membership: [a], cordon: [b], restore: [c]%s}]\n"

FITS = "{match: {type: Preempt}, lead: 30s, force: 5s, drain_timeout: 30s}"

CASES = {
    "nothing": (MINIMAL + PROXY, []),
    "times that just fit": (
        f"version: 1\n{PROXY}rules: [{FITS}, {{}}]\n",
        [],
    ),
    "gates nobody can count for": (
        MINIMAL,
        ["keep_last, min_in_service: without effect"],
    ),
    "gates nobody asked for": (f"{MINIMAL}keep_last: false\nmin_in_service: 0\n", []),
    "one layer that counts is enough": (f"{MINIMAL}backend: [health-probe, proxy: {{socket: /s}}]\n", []),
    "no check": (f"{MINIMAL}{PROXY}health: none\n", ["health: none: the VM is given back whether or not"]),
    "nothing drains": (
        "version: 1\nrules: [{do: log}]\nhealth: none\n",
        ["rules: none of them drains: notices are logged or ignored"],
    ),
    "hooks without a drain": (
        "version: 1\nrules: [{do: log}]\nhooks: [{stage: drained, command: [sync]}]\n",
        ["rules: none of them drains", "hooks: they never run"],
    ),
    "a lead too short": (
        f"version: 1\n{PROXY}rules: [{{lead: 1m}}]\n",
        ["rules[0]: the lead of 1m is shorter than the drain_timeout of 2m"],
    ),
    "a notice too short": (
        f"version: 1\n{PROXY}rules: [{{match: {{type: Preempt}}, lead: any, drain_timeout: 1m}}, {{}}]\n",
        ["rules[0]: Preempt is announced at least 30s ahead, less than the drain_timeout of 1m"],
    ),
    "no time to prove": (
        f"version: 1\n{PROXY}rules: [{{drain_timeout: 0s}}]\n",
        ["rules[0]: drain_timeout 0s leaves no time to prove a drain"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_is_left_open_is_said(text: str, expected: list[str]) -> None:
    """Each thing that a policy leaves open is said once, and nothing else."""
    said = warnings(load(text, file="p", backends=KINDS))
    assert [line[: len(start)] for line, start in zip(said, expected, strict=True)] == expected


@pytest.mark.parametrize(("counting", "warned"), [("", True), (", in_service_count: [d]", False)])
def test_a_command_counts_where_it_is_told_how(counting: str, warned: bool) -> None:
    """A command layer closes the gates only with a program that counts."""
    policy = load(MINIMAL + COMMAND % counting, file="p", backends=built_in_kinds())
    assert warned is bool(warnings(policy))
