"""Times as operators give them: an RFC 3339 instant, or a duration from now."""

from __future__ import annotations

from datetime import UTC, datetime

from drainer.settings import SettingInvalid


def instant(text: str, *, called: str, now: datetime) -> datetime:
    """The time that is meant, to come, in UTC. Raises SettingInvalid naming the flag."""
    from drainer.policyfile import durations

    span = durations.parse(text)
    at = _rfc_3339(text) if span is None else now + span
    if at is None:
        raise SettingInvalid(
            f"{called}: expected a duration (30m, 2h) or an RFC 3339 time with its zone, got {text!r}"
        )
    if at <= now:
        raise SettingInvalid(f"{called}: expected a time to come, got {text!r}")
    return at


def _rfc_3339(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
