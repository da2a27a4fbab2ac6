"""`explain`: the shipped reconciler on one document, with times."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.clock import ManualClock
from drainer.core.model import (
    Addressee,
    At,
    Blank,
    Document,
    Event,
    EventSource,
    EventStatus,
    Footing,
    SourceKind,
    Stage,
    Vm,
)
from drainer.core.policy import (
    Acknowledge,
    Any,
    BackendChoice,
    BudgetChoice,
    Do,
    Hook,
    Match,
    Policy,
    Rule,
)
from drainer.explain import as_text
from drainer.explain.given import document_of
from drainer.explain.story import Ending, Story, rehearse
from drainer.settings import SettingInvalid, Settings
from tests.unit.cli.conftest import Drainer
from tests.unit.cli.served import metadata
from tests.world import START, World, reboot, seconds

Capture = pytest.CaptureFixture[str]

SEED = Path(__file__).parents[2] / "golden" / "seed"

SCHEDULED = (
    b'{"DocumentIncarnation":2,"Events":[{"EventId":"E1","EventType":"Reboot","Resources":["web1"],'
    b'"EventStatus":"Scheduled","NotBefore":"Thu, 01 Jan 2026 02:00:00 GMT","EventSource":"Platform",'
    b'"DurationInSeconds":20}]}'
)
OTHERS = SCHEDULED.replace(b'["web1"]', b'["web1","web2"]')


def policy(*rules: Rule, **changes: object) -> Policy:
    base = Policy(rules=rules or (Rule(),), backend=(BackendChoice(name="fake", options=None),))
    return replace(base, **changes)  # type: ignore[arg-type]


def document(*events: Event, source: SourceKind = SourceKind.SCHEDULED_EVENTS) -> Document:
    footing = Footing.STEADY if source is SourceKind.SCHEDULED_EVENTS else Footing.NEW
    now = ManualClock(START).now()
    return Document(source=source, vm=Vm(name="vm1"), events=events, read_at=now, footing=footing)


def told(*events: Event, by: Policy | None = None) -> Story:
    layers = (World().fake,)
    return rehearse(document(*events), by or policy(), layers, now=START)


def steps(story: Story) -> list[tuple[float, str, str]]:
    """Seconds from now, step and subject, without the waits."""
    return [
        ((line.at - START).total_seconds(), line.step, line.subject)
        for line in story.lines
        if line.step != "wait"
    ]


def test_a_reboot_from_notice_to_restored() -> None:
    """A Reboot in an hour is opened at its lead, drained, acknowledged, and restored after it left."""
    story = told(reboot(not_before=At(at=START + timedelta(hours=1)), duration=seconds(20)))
    assert steps(story) == [
        (3300.0, "open", "fake"),
        (3300.0, "cordon", "fake"),
        (3300.0, "note", "cordoned-at"),
        (3307.0, "isolate", "fake"),
        (3307.0, "acknowledge", "E1"),
        (3312.0, "note", "terms"),
        (3332.0, "note", "quiet-since"),
        (3362.0, "restore", "fake"),
        (3362.0, "close", ""),
    ]
    assert story.lines[0].step == "wait"
    assert story.ending is Ending.STEADY


def test_its_steps_are_those_of_a_real_run() -> None:
    """The steps that touch the world are those that the daemon's own reconciler takes, in their order."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    world.feed.events = (reboot(status=EventStatus.STARTED),)
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(40))
    touching = [step for _, step, _ in steps(told(reboot())) if step not in ("open", "note", "close")]
    assert touching == world.steps


def test_a_vm_that_ends_is_not_restored() -> None:
    """After a Preempt there is no VM to give back: the story ends there."""
    story = told(reboot(type="Preempt", not_before=At(at=START + seconds(30))))
    assert story.ending is Ending.VM_ENDS
    assert "restore" not in [step for _, step, _ in steps(story)]


def test_nothing_pending_is_one_line() -> None:
    """Without a notice for this VM there is nothing to do; what is only logged drains nothing either."""
    assert steps(told()) == []
    assert steps(told(reboot(resources=("vm2",)))) == []
    logged = told(reboot(), by=policy(Rule(do=Do.LOG)))
    assert steps(logged) == []
    assert logged.ending is Ending.STEADY


def test_a_notice_that_started_already() -> None:
    """An event that is Started is drained at once and not acknowledged."""
    kinds = [step for _, step, _ in steps(told(reboot(status=EventStatus.STARTED, not_before=Blank())))]
    assert kinds[:2] == ["open", "cordon"]
    assert "acknowledge" not in kinds


def test_a_notice_of_2015_is_forced_after_five_minutes() -> None:
    """A 2015 notice has no time: due at once, over five minutes later, and settled for long."""
    event = replace(
        reboot(status=EventStatus.UNSTATED, not_before=Blank()),
        resources=Addressee.READER,
        source=EventSource.UNSTATED,
    )
    story = rehearse(document(event, source=SourceKind.INSTANCE_INFO), policy(), (World().fake,), now=START)
    timed = {step: at for at, step, _ in steps(story)}
    assert (timed["cordon"], timed["restore"]) == (0.0, 660.0)


def test_siblings_hooks_and_a_budget_are_granted() -> None:
    """What a rehearsal cannot know is assumed: hooks say go, the budget grants, siblings are drained."""
    rich = policy(
        hooks=(Hook(stage=Stage.BEFORE_CORDON, command=("x",)),), budget=BudgetChoice(name="unlimited")
    )
    kinds = [step for _, step, _ in steps(told(reboot(resources=("vm1", "vm2")), by=rich))]
    assert kinds.index("hook") < kinds.index("cordon") < kinds.index("publish") < kinds.index("acknowledge")
    assert "acquire" in kinds
    assert kinds[-1] == "close"


def test_a_long_wait_is_leapt_over() -> None:
    """An event a week ahead that is drained at once, unacknowledged, is told without ticking each second."""
    by = policy(Rule(match=Match(), lead=Any.ANY, acknowledge=Acknowledge.NEVER))
    story = told(reboot(not_before=At(at=START + timedelta(days=7))), by=by)
    assert story.ending is Ending.STEADY


def test_what_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story that goes on beyond the rehearsal says so."""
    monkeypatch.setattr("drainer.explain.story.MOST_TICKS", 3)
    assert told(reboot()).ending is Ending.NOT_ENDED


def test_a_livelock_does_not_stop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where steps follow each other without a wait, time goes on all the same, as in the daemon."""
    monkeypatch.setattr("drainer.explain.story.MOST_STEPS", 1)
    story = told(reboot())
    assert story.ending is Ending.STEADY
    assert steps(story)[-1][1] == "close"


def test_the_text_has_times_from_notbefore() -> None:
    """Each line says when, how long from now, and how far from NotBefore; without one, just when."""
    story = told(reboot(not_before=At(at=START + timedelta(hours=1))))
    text = list(as_text(document(reboot(not_before=At(at=START + timedelta(hours=1)))), policy(), story))
    assert text[0] == "Reboot E1, not before 2026-01-01T01:00:00Z: rule 1 says drain"
    assert text[1] == "2026-01-01T00:00:00Z        now  1h before NotBefore       wait steady  (R1)"
    assert text[3] == "2026-01-01T00:55:00Z       +55m  5m before NotBefore       cordon fake  (P13)"
    assert text[-1] == "then nothing is pending, and what was taken is given back"
    started = told(reboot(not_before=At(at=START)))
    lines = list(as_text(document(reboot(not_before=At(at=START))), policy(), started))
    assert any("  at NotBefore  " in line for line in lines)
    assert any(" after NotBefore  " in line for line in lines)
    assert next(as_text(document(), policy(), told())) == "no notice names vm1"
    assert (
        list(as_text(document(), policy(), told()))[1] == "2026-01-01T00:00:00Z        now  wait steady  (R1)"
    )


# --- which document -------------------------------------------------------------------------------


def read(body: bytes, **settings: object) -> Document:
    chosen = replace(Settings(), **settings)  # type: ignore[arg-type]
    return document_of(body, chosen, ManualClock(START).now(), called="FILE")


@pytest.mark.parametrize(
    ("body", "source", "vm", "events"),
    [
        (SCHEDULED, SourceKind.SCHEDULED_EVENTS, "web1", 1),
        (b'{"DocumentIncarnation":1,"Events":[]}', SourceKind.SCHEDULED_EVENTS, "", 0),
        (b"{}", SourceKind.MAINTENANCE, "", 0),
        (b'{"EventID":"9"}', SourceKind.MAINTENANCE, "", 1),
        (b'{"ID":"_vm7","UD":"0","FD":"0"}', SourceKind.INSTANCE_INFO, "vm7", 0),
    ],
)
def test_the_source_is_known_by_its_members(body: bytes, source: SourceKind, vm: str, events: int) -> None:
    """A file's format is recognised; the VM is the one that the document itself speaks of."""
    found = read(body)
    assert (found.source, found.vm.name, len(found.events)) == (source, vm, events)


def test_the_seeds_own_documents_are_read() -> None:
    """The post's second document, byte for byte, is a reboot pending; its first is nothing."""
    assert len(read((SEED / "about-to-reboot.txt").read_bytes()).events) == 1
    assert read((SEED / "idle.txt").read_bytes()).events == ()


def test_a_named_source_and_name_hold() -> None:
    """--source and --vm-name go over what the document looks like."""
    assert read(b"{}", source=SourceKind.MAINTENANCE, vm_name="x").vm.name == "x"
    assert read(OTHERS, vm_name="web2").vm.name == "web2"


def test_a_document_of_many_needs_a_name() -> None:
    """A Scheduled Events document that names several VMs does not say whose it is: --vm-name does."""
    with pytest.raises(SettingInvalid, match="--vm-name: expected one of web1, web2"):
        read(OTHERS)


# --- the verb -------------------------------------------------------------------------------------


@pytest.fixture
def given(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Arguments that explain this body by the built-in policy."""
    plain = tmp_path / "policy.yaml"
    plain.write_text("version: 1\nbackend: [fake: {}]\nrules:\n  - match: {}\n    do: drain\n")

    def arguments(body: bytes) -> tuple[str, ...]:
        (tmp_path / "document.json").write_bytes(body)
        return "explain", "--policy", str(plain), "--document", str(tmp_path / "document.json")

    return arguments


def test_explain_prints_the_steps(
    drainer: Drainer, given: Callable[..., tuple[str, ...]], capsys: Capture
) -> None:
    """`explain` prints the story, and on stderr what it assumed."""
    assert drainer(*given(SCHEDULED)) == 0
    said = capsys.readouterr()
    assert "cordon fake" in said.out
    assert "assumed: every layer has this VM in" in said.err


def test_explain_json(drainer: Drainer, given: Callable[..., tuple[str, ...]], capsys: Capture) -> None:
    """`explain --json` has the notices with their rule, and each step with its row and its reason."""
    assert drainer(*given(SCHEDULED), "--json") == 0
    story = json.loads(capsys.readouterr().out)
    assert (story["schema"], story["vm"], story["ends"]) == (1, "web1", "steady")
    assert (story["notices"][0]["rule"], story["notices"][0]["does"]) == (1, "drain")
    cordon = next(step for step in story["steps"] if step["step"] == "cordon")
    assert (cordon["subject"], cordon["row"]) == ("fake", "P13")
    assert cordon["why"].startswith("a cordoning layer reads In")


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"", 1, "document.json: no instance-info document: empty"),
        (b"{", 1, "no instance-info document: not-json"),
        (b'{"DocumentIncarnation":2,', 1, "no scheduled-events document: not-json"),
        (b'{"Events":[]}', 1, "no scheduled-events document: wrong-shape"),
        (OTHERS, 2, "--vm-name: expected one of web1, web2"),
    ],
)
def test_a_document_that_is_none(
    drainer: Drainer,
    given: Callable[..., tuple[str, ...]],
    capsys: Capture,
    body: bytes,
    code: int,
    told: str,
) -> None:
    """A document that cannot be read is named with what is wrong with it."""
    assert drainer(*given(body)) == code
    assert told in capsys.readouterr().err


def test_a_missing_document_or_policy(
    drainer: Drainer, given: Callable[..., tuple[str, ...]], capsys: Capture, tmp_path: Path
) -> None:
    """A file that is not there is 1 for a document and 78 for a policy, named."""
    arguments = given(SCHEDULED)
    os.unlink(arguments[-1])
    assert drainer(*arguments) == 1
    assert "document.json: No such file" in capsys.readouterr().err
    assert drainer("explain", "--policy", str(tmp_path / "none.yaml")) == 78
    assert "none.yaml:1:1: file: expected a readable file" in capsys.readouterr().err


def test_the_live_document(
    drainer: Drainer, given: Callable[..., tuple[str, ...]], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --document the service is asked; where it gives nothing, that is told."""
    arguments = given(b"")[:3]
    bodies = {
        "/metadata/scheduledevents": SCHEDULED,
        "/metadata/instance": b'{"compute":{"name":"web1","vmId":"id"}}',
    }
    with metadata(bodies) as base:
        assert drainer(*arguments, "--metadata-url", base) == 0
    assert "Reboot E1, not before 2026-01-01T02:00:00Z" in capsys.readouterr().out
    monkeypatch.setattr("drainer.once.GIVE_UP_AFTER", timedelta(0))
    assert drainer(*arguments, "--metadata-url", "http://127.0.0.1:9") == 1
    assert "no document from http://127.0.0.1:9" in capsys.readouterr().err
