"""What an accepted policy leaves open: worth a word, no reason to refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from drainer.core.policy import MINIMUM_NOTICE, Acknowledge, BackendChoice, Do, Policy, Rule
from drainer.policyfile.durations import spell
from drainer.policyfile.keys import NO_HEALTH


def warnings(policy: Policy) -> tuple[str, ...]:
    """One sentence each, in the order of the file."""
    return tuple(_warnings(policy))


def _warnings(policy: Policy) -> Iterator[str]:
    draining = [(index, rule) for index, rule in enumerate(policy.rules) if rule.do is Do.DRAIN]
    if not draining:
        yield "rules: none of them drains: notices are logged or ignored, and this VM stays where it is"
        if policy.hooks:
            yield "hooks: they never run, as no rule drains"
        return
    if policy.health == NO_HEALTH:
        yield "health: none: the VM is given back whether or not its application works"
    yield from _open_gates(policy)
    for index, rule in draining:
        yield from _short_times(index, rule)


def _open_gates(policy: Policy) -> Iterator[str]:
    if any(map(_counts, policy.backend)) or not (policy.keep_last or policy.min_in_service):
        return
    names = ", ".join(layer.name for layer in policy.backend)
    yield (
        f"keep_last, min_in_service: without effect: {names} cannot count the other members, so that the"
        " last one may be taken out too"
    )


def _counts(layer: BackendChoice) -> bool:
    """The layer can tell how many other members take new work."""
    match layer.name:
        case "health-probe":
            return False
        case "command":
            return bool(getattr(layer.options, "in_service_count", ()))
        case _:
            return True


def _short_times(index: int, rule: Rule) -> Iterator[str]:
    if rule.acknowledge is Acknowledge.WHEN_DRAINED and not rule.drain_timeout:
        yield f"rules[{index}]: drain_timeout 0s leaves no time to prove a drain, so nothing is acknowledged"
    if isinstance(rule.lead, timedelta) and rule.lead < rule.drain_timeout:
        yield (
            f"rules[{index}]: the lead of {spell(rule.lead)} is shorter than the drain_timeout of"
            f" {spell(rule.drain_timeout)}: NotBefore ends the drain"
        )
    notice = MINIMUM_NOTICE.get(rule.match.type or "")
    if notice is not None and rule.drain_timeout > notice:
        yield (
            f"rules[{index}]: {rule.match.type} is announced at least {spell(notice)} ahead, less than the"
            f" drain_timeout of {spell(rule.drain_timeout)}: NotBefore may end the drain"
        )
