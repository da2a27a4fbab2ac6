"""Spells a policy out, with every default, as a file that loads again to an equal policy."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from drainer.core.policy import BackendChoice, BudgetChoice, Do, HealthCheck, Match, Policy, Rule, StuckAfter
from drainer.policyfile import durations
from drainer.policyfile.keys import NO_HEALTH, PolicyFile
from drainer.policyfile.soundness import DRAIN_KEYS


def effective(policy: Policy) -> str:
    """The policy as YAML: every key that has an effect, defaults included."""
    import yaml  # only where text is made

    text: str = yaml.safe_dump(plain(policy), sort_keys=False, allow_unicode=True, width=100)
    return text


def plain(policy: Policy) -> dict[str, Any]:
    """The same as mappings, lists, text, numbers and truth values."""
    keys = (field.name for field in fields(PolicyFile) if field.name != "version")
    return {"version": 1} | {name: spelled(getattr(policy, name)) for name in keys}


def spelled(value: object) -> Any:
    """One value as a policy file spells it."""
    match value:
        case timedelta():
            return durations.spell(value)
        case Enum():
            return value.value
        case tuple():
            return [spelled(each) for each in value]
        case BackendChoice(name=name, options=options):
            return {name: _every_field(options)}
        case BudgetChoice(name=name):
            return name
        case StuckAfter(event=event):
            return {"event": "never" if event is None else spelled(event)}
        case _ if value == NO_HEALTH:
            return "none"
        case Match() | HealthCheck() | Rule():
            return _spelled_fields(value)
        case _ if is_dataclass(value):
            return _every_field(value)
        case _:
            return value


def _spelled_fields(value: Any) -> dict[str, Any]:
    """Without what no file spells: a condition that is absent, times of a rule that does not drain."""
    idle = isinstance(value, Rule) and value.do is not Do.DRAIN
    return {
        name: shown
        for name, shown in _every_field(value).items()
        if shown not in (None, []) and not (idle and name in DRAIN_KEYS)
    }


def _every_field(value: Any) -> dict[str, Any]:
    return {field.name: spelled(getattr(value, field.name)) for field in fields(value) if field.init}
