"""The local endpoint over real sockets, and the metrics it shows."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from drainer.board import Alarm, Board, Snapshot
from drainer.clock import ManualClock
from drainer.core.model import At, Failing, InFlight, Unreadable
from drainer.core.policy import Do, Rule
from drainer.core.record import Finished, Outcome
from drainer.core.step import Cordon
from drainer.reporting.local import TICKED_WITHIN, LocalEndpoint
from drainer.reporting.metrics import FAMILIES, exposition
from drainer.settings import Address
from drainer.tally import Tally
from tests.world import START, World, reboot, seconds

ANY_PORT = Address(host="127.0.0.1", port=0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def board() -> Board:
    return Board(lambda: None)


@pytest.fixture
def endpoint(board: Board, world: World) -> Iterator[LocalEndpoint]:
    endpoint = LocalEndpoint(board, ANY_PORT, clock=world.clock)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def get(endpoint: LocalEndpoint, path: str, method: str = "GET") -> tuple[int, str, str]:
    """Status, content type and body."""
    connection = HTTPConnection(endpoint.address.host, endpoint.address.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_an_application_sees_that_it_is_draining(endpoint: LocalEndpoint, board: Board, world: World) -> None:
    """/status says draining true from the cordon until the VM was given back, and false otherwise."""

    def draining() -> bool:
        board.show(Snapshot(tick=world.tick(), vm="vm1"))
        status, kind, body = get(endpoint, "/status?pretty")
        assert (status, kind) == (200, "application/json")
        return bool(json.loads(body)["draining"])

    assert draining() is False
    world.feed.events = (reboot(),)
    world.application.work = InFlight(count=3)
    assert draining() is True
    world.application.work = InFlight(count=0)
    world.pass_time(seconds(5))
    assert draining() is True
    world.feed.events = ()
    world.pass_time(seconds(5))
    assert draining() is True
    world.pass_time(seconds(40))
    assert draining() is False


def test_healthz_is_the_daemons_own_health(endpoint: LocalEndpoint, board: Board, world: World) -> None:
    """/healthz is 200 while the deciding thread ticks, and 503 before its first tick and once it is stuck."""
    assert get(endpoint, "/healthz")[::2] == (503, "the daemon has not ticked yet\n")
    board.show(Snapshot(tick=world.tick()))
    assert get(endpoint, "/healthz")[::2] == (200, "ticked 0 s ago\n")
    world.clock.advance(TICKED_WITHIN)
    assert get(endpoint, "/healthz")[0] == 200
    world.clock.advance(seconds(1))
    assert get(endpoint, "/healthz")[::2] == (503, "ticked 91 s ago\n")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(endpoint: LocalEndpoint, method: str) -> None:
    """Any method but GET is refused."""
    assert get(endpoint, "/status", method)[0] == 405


def test_unknown_paths_name_the_known(endpoint: LocalEndpoint) -> None:
    """A path that is not served says which are."""
    assert get(endpoint, "/")[::2] == (404, "there are /metrics, /healthz and /status\n")


def test_connections_are_bounded(endpoint: LocalEndpoint) -> None:
    """Of more than sixteen open connections the oldest are hung up on; whoever asks is answered meanwhile."""
    place = (endpoint.address.host, endpoint.address.port)
    idle = [socket.create_connection(place) for _ in range(20)]
    for connection in idle:
        connection.sendall(b"GET /healthz HTTP/1.0\r\nX-Slow: ")
    for _ in range(3):
        assert get(endpoint, "/healthz")[0] == 503
    for connection in idle[:5]:
        connection.settimeout(60)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    for connection in idle:
        connection.close()


def test_ipv6_and_a_taken_address(board: Board) -> None:
    """It listens on IPv6 too; an address that is taken raises OSError, and stop is harmless then."""
    first = LocalEndpoint(board, Address(host="::1", port=0))
    first.start()
    try:
        assert get(first, "/healthz")[0] == 503
        second = LocalEndpoint(board, first.address)
        with pytest.raises(OSError, match="in use"):
            second.start()
        second.stop()
    finally:
        first.stop()


# --- metrics --------------------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.e+-]+)")


def parsed(text: str) -> dict[str, float]:
    """Series and values, read as strictly as promtool does; a fault is an assertion."""
    assert text.endswith("\n")
    series: dict[str, float] = {}
    types: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        if found := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            assert found[1] not in types, f"{found[1]} comes twice"
            assert found[2].endswith("."), "help is a sentence"
            current = found[1]
        elif found := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line):
            assert found[1] == current, "TYPE follows its HELP"
            types[current] = found[2]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample[1] == current, "samples follow their TYPE, in one group"
            assert (types[current] == "counter") == current.endswith("_total"), current
            key = line.rpartition(" ")[0]
            assert key not in series, f"{key} comes twice"
            series[key] = float(sample[3])
    return series


def shown(world: World, tally: Tally | None = None, *alarms: Alarm) -> dict[str, float]:
    counters = tally.counters() if tally else {}
    snapshot = Snapshot(tick=world.tick(), vm="vm1", alarms=alarms, counters=counters)
    return parsed(exposition(snapshot, now=world.now, version="1.2"))


def test_one_drain_and_one_error_count_exactly(world: World) -> None:
    """One drain with one failing cordon counts exactly that, and no label carries an event's id."""
    from drainer.backends.fake import Fault

    tally = Tally()
    world.reconciler.acted = tally.acted
    world.fake.arm(Fault.LOST_BEFORE)
    world.feed.events = (reboot("SECRET-ID"), reboot("E2", type="Meteor"))
    world.pass_time(seconds(10))
    assert shown(world, tally)["drainer_episodes_total"] == 0
    tally.saw(world.reconciler.journal.state.episode)
    series = shown(world, tally)
    counts = {key: value for key, value in series.items() if key.split("{")[0].endswith("_total")}
    assert counts == {
        'drainer_steps_total{step="cordon",outcome="failed"}': 1,
        'drainer_step_failures_total{step="cordon",kind="fake-no-answer"}': 1,
        'drainer_steps_total{step="cordon",outcome="done"}': 1,
        'drainer_steps_total{step="isolate",outcome="done"}': 1,
        'drainer_steps_total{step="acknowledge",outcome="done"}': 2,
        "drainer_acknowledgements_total": 2,
        "drainer_episodes_total": 1,
    }
    assert "SECRET" not in str(series)
    assert series['drainer_notices{type="Reboot",status="Scheduled"}'] == 1
    assert series['drainer_notices{type="other",status="Scheduled"}'] == 1
    assert series['drainer_phase{phase="drained"}'] == 1
    assert sum(value for key, value in series.items() if key.startswith("drainer_phase")) == 1
    assert series["drainer_draining"] == series["drainer_drain_proven"] == series["drainer_episode_open"] == 1
    assert series['drainer_layer_face{layer="fake",face="Out"}'] == 1
    assert series["drainer_in_flight"] == 0
    assert series['drainer_build_info{version="1.2"}'] == 1


@pytest.mark.parametrize(
    ("outcome", "kind", "failures"),
    [
        (Outcome.FAILED, "timeout", {'step_failures_total{step="cordon",kind="timeout"}': 1.0}),
        (
            Outcome.UNTOUCHED,
            "azure-forbidden",
            {'step_failures_total{step="cordon",kind="azure-forbidden"}': 1.0},
        ),
        (Outcome.UNTOUCHED, "pending", {}),
        (Outcome.PENDING, "pending", {}),
        (Outcome.DONE, "entry-gone", {}),
    ],
)
def test_what_counts_as_a_failure(outcome: Outcome, kind: str, failures: dict[str, float]) -> None:
    """Refused before anything was changed is a failure like any other; under way is none."""
    tally = Tally()
    tally.acted(Cordon(layers=("pool",)), (Finished(step="cordon", outcome=outcome, kind=kind),))
    counters = tally.counters()
    assert {key: value for key, value in counters.items() if key.startswith("step_failures")} == failures
    assert counters[f'steps_total{{step="cordon",outcome="{outcome.value}"}}'] == 1


def test_polls_and_alarms_are_counted(world: World) -> None:
    """Reads of the service count by result; an alarm stands as its kind alone."""

    class Polls:
        reads = 7
        failures: dict[str, int] = {"timeout": 2}  # noqa: RUF012  a stand-in for one reading

    tally = Tally()
    tally.polled(Polls())
    series = shown(world, tally, Alarm(kind="blind", reason='no "answer"\n'), Alarm(kind="blind", reason="2"))
    assert series['drainer_documents_total{result="read"}'] == 5
    assert series['drainer_documents_total{result="timeout"}'] == 2
    assert series['drainer_alarms{kind="blind"}'] == 1
    assert series["drainer_document_readable"] == 1
    assert series["drainer_document_age_seconds"] == 0


def test_what_is_not_known_is_absent(world: World) -> None:
    """Blind: no age and no notices; unmeasured work has no number; an unread layer shows its face."""
    world.feed.blind = Unreadable(kind="timeout", reason="no answer")
    world.balancer.readable = False
    series = shown(world)
    assert series["drainer_document_readable"] == 0
    assert 'drainer_layer_face{layer="fake",face="Unreadable"}' in series
    absent = ("drainer_document_age_seconds", "drainer_in_flight", "drainer_episode_seconds")
    assert not set(absent) & series.keys()


def test_gates_are_shown(world: World) -> None:
    """A gate that holds a cordon back is shown by its name."""
    world.balancer.others = 0
    world.feed.events = (reboot(),)
    world.tick()
    series = shown(world)
    assert series['drainer_gate_closed{gate="keep-last"}'] == 1
    assert series['drainer_phase{phase="waiting"}'] == 1


def test_before_the_first_tick(endpoint: LocalEndpoint) -> None:
    """Before the first tick the exposition is valid and says starting."""
    status, kind, body = get(endpoint, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert parsed(body)['drainer_phase{phase="starting"}'] == 1


def test_a_vm_that_is_out_is_told_before_the_first_tick(world: World) -> None:
    """A life that may not decide yet (a new boot that cannot read who it is) shows what the journal owes and
    that it is blind: the alerts on a VM that stays out rest on these."""
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    snapshot = Snapshot(state=world.state, document=Unreadable(kind="unreachable", reason="no route"))
    series = parsed(exposition(snapshot, now=world.now, version="0"))
    assert series['drainer_phase{phase="starting"}'] == 1
    assert series["drainer_draining"] == series["drainer_episode_open"] == 1
    assert series["drainer_episode_seconds"] > 0
    assert series["drainer_document_readable"] == 0


def test_labels_are_escaped_and_strangers_left_out() -> None:
    """A label's quotes, backslashes and newlines are escaped; a counter in no family is not shown."""
    snapshot = Snapshot(counters={"unheard_total": 3.0, "what?": 1.0, "episodes_total": 2.5})
    series = parsed(exposition(snapshot, now=ManualClock().now(), version='a"b\\c\nd'))
    assert 'drainer_build_info{version="a\\"b\\\\c\\nd"}' in series
    assert series["drainer_episodes_total"] == 2.5
    assert not [key for key in series if "unheard" in key]


def test_every_family_is_documented_once() -> None:
    """Names are unique, counters end in _total, and help is a sentence."""
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        assert (family.type == "counter") == family.name.endswith("_total")


def test_a_notice_ahead_is_shown(world: World) -> None:
    """A notice days ahead is counted, and the phase stays steady."""
    world.feed.events = (reboot(not_before=At(at=START + timedelta(days=3))),)
    world.application.health = Failing(reason="irrelevant")
    series = shown(world)
    assert series['drainer_phase{phase="steady"}'] == 1
    assert series['drainer_notices{type="Reboot",status="Scheduled"}'] == 1
    assert Rule().do is Do.DRAIN
