"""The ready-made policies, and their copies inside the package."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drainer.core.policy import Acknowledge, Any, Do, Policy
from drainer.policyfile import effective, load
from drainer.policyfile.builtin import NAMES, builtin
from drainer.wiring import built_in_kinds

POLICIES = Path(__file__).parents[3] / "policies"
SAMPLE = """\
version: 1
backend: [health-probe: {mode: file}]
rules:
  - {match: {type: Freeze, duration_below: 10s}, do: log}
  - {match: {source: User}, lead: any}
  - {match: {type: Preempt}, lead: any, drain_timeout: 20s, use_budget: false, acknowledge: never}
  - {match: {type: Terminate}, lead: any, drain_timeout: 5m}
  - {}
"""


def loaded(name: str) -> Policy:
    return load(builtin(name), file=name, backends=built_in_kinds())


def test_the_folder_and_the_list_agree() -> None:
    """Every policy of the folder is in the package, and no other."""
    assert sorted(NAMES) == sorted(path.stem for path in POLICIES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_package_carries_the_same_text(name: str) -> None:
    """A ready-made policy is the same in the folder and in the package, byte for byte."""
    assert (POLICIES / f"{name}.yaml").read_text("utf-8") == builtin(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_ready_made_policy_is_accepted(name: str) -> None:
    """It loads with the backends of this version, and so does its effective form."""
    policy = loaded(name)
    assert policy == load(effective(policy), file=name, backends=built_in_kinds())


def test_the_default_policy_says_nothing_but_defaults() -> None:
    """mask-reboots spells every key with its default: leaving them out gives the same policy."""
    assert loaded("mask-reboots") == load(SAMPLE, file="sample", backends=built_in_kinds())


def test_log_only_touches_nothing() -> None:
    """It has no layer and no rule that drains."""
    policy = loaded("log-only")
    assert (policy.backend, [rule.do for rule in policy.rules]) == ((), [Do.LOG])


def test_health_probe_listens() -> None:
    """Its probe unit answers the prober."""
    (layer,) = loaded("health-probe").backend
    assert getattr(layer.options, "mode").value == "listen"  # noqa: B009


def test_spot_leaves_at_once_on_eviction() -> None:
    """An eviction begins at once, is never acknowledged, asks no budget and no other member."""
    policy = loaded("spot")
    first = policy.rules[0]
    assert (first.match.type, first.lead, first.acknowledge) == ("Preempt", Any.ANY, Acknowledge.NEVER)
    assert not first.use_budget
    assert not policy.keep_last
    assert first.drain_timeout < timedelta(seconds=30)
