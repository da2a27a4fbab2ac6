"""Verbs for a VM in Azure: would a drain work, what lies open, what does this subscription really do."""

from __future__ import annotations

import argparse
from pathlib import Path

from drainer.cli.flags import JSON, MANAGING, READING, Verbs, add_flag, add_verb, settings_of, wants_json
from drainer.settings import SettingInvalid

ANYWHERE = "/subscriptions/SUBSCRIPTION"
LONGEST_JITTER_S = 3600.0
RESCUE_S = 1800.0
"""All calls of one rescue together: a large subscription takes its time."""


def add(verbs: Verbs) -> None:
    """Add `doctor`, `rescue` and `certify`."""
    _doctors(verbs)
    _rescues(verbs)
    _certifies(verbs)


def _doctors(verbs: Verbs) -> None:
    examined = add_verb(
        verbs,
        "doctor",
        doctor,
        about="ask whether a drain would work here, and this VM come back: 0 yes, 3 warnings, 1 no",
        example="drainer doctor --policy /etc/drainer/policy.yaml",
        flags=(*READING, *MANAGING, "policy", "state"),
    )
    add_flag(examined, JSON)
    examined.add_argument("--read-only", action="store_true", help="leave out the unchanged writes")
    examined.add_argument("--jitter", metavar="SECONDS", help="begin at a random moment within so long")
    examined.add_argument(
        "--roles",
        nargs="?",
        const=ANYWHERE,
        metavar="SCOPE",
        help="print the roles for `az role definition create`, a line for each, and examine nothing",
    )


def _rescues(verbs: Verbs) -> None:
    rescued = add_verb(
        verbs,
        "rescue",
        rescue,
        about="find interfaces that were taken out and not given back, and print or run what undoes it",
        example="drainer rescue /subscriptions/S/resourceGroups/G --identity az --run",
        flags=("metadata-url", *MANAGING),
    )
    add_flag(rescued, JSON)
    rescued.add_argument(
        "scope",
        nargs="*",
        metavar="SCOPE",
        help="a subscription, a resource group or an interface, by id (default: this VM's own interfaces)",
    )
    rescued.add_argument("--vm-id", default="", metavar="ID", help="only what this VM took, by its vmId")
    rescued.add_argument("--run", action="store_true", dest="undo", help="do it, instead of printing it")


def _certifies(verbs: Verbs) -> None:
    certified = add_verb(
        verbs,
        "certify",
        certify,
        about="take this VM out of its real pool and back, and write down what the platform really does",
        example="drainer certify --out facts.json --yes --client http://service.example/whoami",
        flags=(*READING, *MANAGING, "policy", "state"),
    )
    certified.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where the facts are written"
    )
    certified.add_argument(
        "--yes", action="store_true", help="the others can carry this VM's traffic meanwhile"
    )
    certified.add_argument(
        "--time-limit", default="15m", metavar="TIME", help="give back after so long (default 15m)"
    )
    certified.add_argument(
        "--client",
        default="",
        metavar="URL",
        help="a page through the balancer that names the VM it comes from",
    )


def doctor(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer import doctor as examining

    if parsed.roles is not None:
        return examining.roles(parsed.roles)
    jitter_s = _seconds(parsed.jitter)
    return examining.main(settings, as_json=as_json, read_only=parsed.read_only, jitter_s=jitter_s)


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    expected = f"--jitter: expected seconds from 0 to {LONGEST_JITTER_S:g}, got {text!r}"
    try:
        seconds = float(text)
    except ValueError:
        raise SettingInvalid(expected) from None
    if not 0 <= seconds <= LONGEST_JITTER_S:
        raise SettingInvalid(expected)
    return seconds


def rescue(parsed: argparse.Namespace) -> int:
    settings, as_json = settings_of(parsed), wants_json(parsed)
    from drainer import rescue as rescuing
    from drainer.doctor.patience import Patient
    from drainer.wiring import management

    try:
        scopes = [rescuing.scope_of(scope) for scope in parsed.scope]
    except ValueError as error:
        raise SettingInvalid(f"SCOPE: {error}") from None
    arm = Patient(management(settings), whole_s=RESCUE_S)
    try:
        return rescuing.main(arm, scopes, vm_id=parsed.vm_id, run=parsed.undo, as_json=as_json)
    finally:
        arm.close()


def certify(parsed: argparse.Namespace) -> int:
    settings = settings_of(parsed)
    from drainer import certify as certifying
    from drainer.policyfile import durations

    limit = durations.parse(parsed.time_limit)
    if not limit:
        raise SettingInvalid(f"--time-limit: expected a duration (15m), got {parsed.time_limit!r}")
    if parsed.client and not parsed.client.startswith(("http://", "https://")):
        raise SettingInvalid(f"--client: expected an http:// or https:// URL, got {parsed.client!r}")
    return certifying.main(settings, out=parsed.out, yes=parsed.yes, limit=limit, client_url=parsed.client)
