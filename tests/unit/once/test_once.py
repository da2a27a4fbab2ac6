"""One look: what is logged, what is printed, which code, and when it gives up."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from drainer import once
from drainer.clock import ManualClock
from drainer.core.model import AckAnswer, Document, Event, Unreadable
from drainer.errors import PolicyInvalid, Refused
from drainer.once import Form, Look, Record, main, read, report, run_once
from drainer.reporting.changes import LastRecord, cache_file
from drainer.settings import Settings
from tests.unit.once.test_notices import OF_2015, REBOOT, document
from tests.wire.sources.raw_peer import Script, answer, by_path, listening

BLIND = Unreadable(kind="timeout", reason="no complete answer\nin time")
LINE = "VM vm1: available, no maintenance pending"


class Log:
    """Keeps what was written; `trouble` as told."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.lines: list[tuple[str, str]] = []

    def write(self, level: str, message: str) -> None:
        self.lines.append((level, message))


class Outcomes:
    """A feed that gives these outcomes, each after one second; the last one again and again."""

    def __init__(self, clock: ManualClock, outcomes: Iterable[Document | Unreadable]) -> None:
        self._clock = clock
        self._outcomes = list(outcomes)
        self.asked = 0

    def observe(self) -> Document | Unreadable:
        self.asked += 1
        self._clock.advance(timedelta(seconds=1))
        return self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]

    def acknowledge(self, event_id: str) -> AckAnswer:
        raise Refused("never", event_id)

    def close(self) -> None:
        pass


def look(
    log: Log | None = None,
    *,
    form: Form = Form.TEXT,
    record: Record = Record.OFF,
    last: LastRecord | None = None,
) -> Look:
    return Look(
        clock=ManualClock(),
        log=log or Log(),
        last=last or LastRecord(None),
        out=io.StringIO(),
        err=io.StringIO(),
        form=form,
        record=record,
        vm_name="vm1",
    )


def out(asked: Look) -> str:
    assert isinstance(asked.out, io.StringIO)
    return asked.out.getvalue()


def err(asked: Look) -> str:
    assert isinstance(asked.err, io.StringIO)
    return asked.err.getvalue()


@pytest.mark.parametrize("event", [REBOOT, OF_2015])
def test_a_notice_is_logged_and_printed(event: Event) -> None:
    """A pending notice is 10, one warning in the system log, the same line on the terminal."""
    log = Log()
    asked = look(log)
    assert report(document(event), asked) == 10
    assert [level for level, _ in log.lines] == ["warning"]
    assert out(asked) == log.lines[0][1] + "\n"
    assert out(asked).startswith("VM vm1: Reboot ")
    assert err(asked) == ""


def test_nothing_pending() -> None:
    """Nothing pending is 0, one line on the terminal, none in the log."""
    log = Log()
    asked = look(log)
    assert report(document(), asked) == 0
    assert log.lines == []
    assert out(asked) == f"{LINE}\n"


def test_could_not_read() -> None:
    """A failed look is 75, says on stderr that it says nothing about pending, and prints no JSON."""
    log = Log()
    asked = look(log, form=Form.JSON)
    assert report(BLIND, asked) == 75
    assert log.lines == []
    assert out(asked) == ""
    assert err(asked) == (
        "drainer: VM vm1: could not read whether a maintenance is pending:"
        " timeout: no complete answer in time\n"
        "This says nothing about pending notices; the next run looks again.\n"
    )


def test_json_is_one_object() -> None:
    """--json prints one object and nothing else; the exit code is the same."""
    asked = look(form=Form.JSON)
    assert report(document(REBOOT), asked) == 10
    printed = json.loads(out(asked))
    assert (printed["schema"], printed["vm"]) == (1, "vm1")
    assert list(printed["notices"][0]) == [
        "id",
        "type",
        "status",
        "not_before",
        "resources",
        "source",
        "duration_s",
        "description",
    ]


def test_record_always() -> None:
    """--record logs availability, notices and failed looks, each with its level, each time."""
    log = Log()
    for outcome in (document(), document(), document(OF_2015), BLIND):
        report(outcome, look(log, record=Record.ALWAYS))
    assert [level for level, _ in log.lines] == ["info", "info", "warning", "error"]
    assert log.lines[0][1] == LINE


def test_record_on_change(tmp_path: Path) -> None:
    """On change only, a line is logged when it differs from the last one that was."""
    log = Log()
    for outcome in (document(), document(), document(OF_2015), document(OF_2015), BLIND, BLIND, document()):
        report(
            outcome, look(log, record=Record.ON_CHANGE, last=LastRecord(tmp_path / "cache" / "last-record"))
        )
    assert [level for level, _ in log.lines] == ["info", "warning", "error", "info"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["last-record"]


def test_a_line_that_was_not_logged_is_not_remembered(tmp_path: Path) -> None:
    """Where the log could not be written, the next look tries again, and stderr says why."""
    last = LastRecord(tmp_path / "last-record")
    asked = look(Log("syslog: gone"), record=Record.ON_CHANGE, last=last)
    assert report(document(), asked) == 0
    assert err(asked) == "drainer: not recorded: syslog: gone\n"
    assert last.differs(LINE)


def test_without_a_memory_every_record_is_a_change() -> None:
    """With no place to remember, a record on change logs each time, and says why."""
    log = Log()
    asked = look(log, record=Record.ON_CHANGE)
    report(document(), asked)
    report(document(), asked)
    assert len(log.lines) == 2
    assert "HOME" in err(asked)


def test_a_memory_that_cannot_be_written(tmp_path: Path) -> None:
    """A memory that cannot be kept costs a repeated line and no exit code."""
    (tmp_path / "file").write_text("in the way")
    asked = look(record=Record.ON_CHANGE, last=LastRecord(tmp_path / "file" / "last-record"))
    assert report(document(), asked) == 0
    assert "every record counts as a change" in err(asked)


def test_a_memory_that_cannot_be_read(tmp_path: Path) -> None:
    """Rubbish in the memory is no memory."""
    (tmp_path / "last-record").write_bytes(b"\xff")
    assert LastRecord(tmp_path / "last-record").differs("\xff")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/drainer/last-record"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/c"}, "/c/drainer/last-record"),
        ({"LOCALAPPDATA": "/local"}, "/local/drainer/last-record"),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_where_the_last_record_lies(environ: dict[str, str], expected: str | None) -> None:
    """It lies in the user's cache, never among the daemon's state."""
    assert (None if expected is None else Path(expected)) == cache_file(environ)


def test_it_asks_again_until_there_is_a_document() -> None:
    """A slow or busy service is asked again each second."""
    clock = ManualClock()
    feed = Outcomes(clock, [BLIND, BLIND, document()])
    waited: list[float] = []
    assert read(feed, clock, wait=waited.append) == document()
    assert (feed.asked, waited) == (3, [1.0, 1.0])


def test_it_gives_up_after_30_seconds() -> None:
    """With no document within 30 seconds the last failure is the answer, not later."""
    clock = ManualClock()
    began = clock.now()
    feed = Outcomes(clock, [BLIND])

    def wait(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    assert read(feed, clock, wait=wait) == BLIND
    assert timedelta(seconds=28) < clock.now().wall - began.wall <= timedelta(seconds=30)


def test_it_does_not_wait_for_a_name_to_change() -> None:
    """A given name that is another VM's is wrong at once."""
    clock = ManualClock()
    mismatch = Unreadable(kind="name-mismatch", reason="given as vm2, and it is vm1")
    assert read(Outcomes(clock, [mismatch, document()]), clock, wait=lambda _: None) == mismatch


VM1 = answer(b'{"compute":{"name":"vm1","vmId":"id-1"}}')


def events(*resources: str) -> bytes:
    event = {"EventId": "A", "EventType": "Freeze", "EventStatus": "Scheduled", "Resources": resources}
    return answer(json.dumps({"DocumentIncarnation": 1, "Events": [event] if resources else []}).encode())


def service(listing: bytes) -> Script:
    return by_path({"/metadata/instance": [VM1], "/metadata/scheduledevents": [listing]})


@pytest.mark.parametrize(
    ("listing", "code"),
    [(events(), 0), (events("vm2"), 0), (events("VM1"), 10), (events("vm2", "_vm1"), 10)],
)
def test_over_the_wire(listing: bytes, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One look at a real service: the exit code tells whether a notice names this VM."""
    log = Log()
    with listening(service(listing)) as served:
        assert code == run_once(served.base_url, log=log, last=LastRecord(None))
    assert len(log.lines) == (1 if code else 0)
    assert capsys.readouterr().out.startswith("VM vm1: ")
    assert len(served.heard) == 2


def settings(base_url: str, policy: Path, *, dry_run: bool = False) -> Settings:
    return Settings(metadata_url=base_url, policy=policy, policy_named=True, dry_run=dry_run)


POLICY = "version: 1\nsystem_log: false\nbackend: [fake]\nrules: [{match: {}, do: log}]\n"


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb reads the policy for `system_log` alone, and writes nothing anywhere."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with listening(service(events("vm1"))) as served:
        assert main(settings(served.base_url, policy), json=True, record="always") == 10
        assert main(settings(served.base_url, policy, dry_run=True), record="on-change") == 10
    assert json.loads(capsys.readouterr().out.splitlines()[0])["vm"] == "vm1"
    assert [path.name for path in tmp_path.iterdir()] == ["policy.yaml"]


def test_the_verb_with_a_bad_policy(tmp_path: Path) -> None:
    """A policy that is wrong is a matter of configuration, before anything is asked."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 9\n")
    with pytest.raises(PolicyInvalid):
        main(settings("http://127.0.0.1:9", policy))


def test_exit_codes_are_the_documented_ones() -> None:
    """0 nothing, 10 pending, 75 could not read."""
    assert (once.NOTHING, once.PENDING, once.UNREAD) == (0, 10, 75)
