"""What can be seen of the balancers from here, as findings."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.backends.health_probe import Options
from drainer.core.model import Entry, Membership, Standing
from drainer.core.policy import BackendChoice, HealthCheck, Policy, Rule
from drainer.doctor import balancers
from drainer.doctor.check import Check, Verdict
from drainer.doctor.subject import Subject
from drainer.errors import Refused, Transient
from drainer.probe import marker as markers
from drainer.settings import Settings
from tests.unit.cli.served import metadata

ROW = "  0: 0100007F:1F90 {peer}:D431 06 00000000:00000000 00:00000000 00000000  0 0 0\n"


@dataclass(slots=True)
class Layer:
    """A layer that answers from a list."""

    answers: list[Membership | Exception]
    name: str = "web"

    def membership(self) -> Membership:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_membership_of_each_layer() -> None:
    """In service passes, also after a slow answer; out or without entries warns; unreadable is refused."""
    slow = Transient("azure-slow", "later")
    layers = [
        Layer([slow, reading(Standing.IN)]),
        Layer([reading(Standing.OUT)]),
        Layer([Membership(entries=())]),
        Layer([Refused("azure-forbidden", "no")]),
    ]
    found = [check.verdict for check in balancers.membership(layers)]  # type: ignore[arg-type]
    assert found == [Verdict.PASS, Verdict.WARN, Verdict.WARN, Verdict.REFUSED]


@pytest.mark.parametrize(
    ("answers", "marked", "verdict"),
    [
        (True, False, Verdict.PASS),
        (True, True, Verdict.REFUSED),
        (False, True, Verdict.PASS),
        (False, False, Verdict.WARN),
    ],
)
def test_the_probed_route(tmp_path: Path, answers: bool, marked: bool, verdict: Verdict) -> None:
    """It says 200 without the marker, and anything else with it."""
    if marked:
        (tmp_path / "draining").touch()
    with metadata({"/ready": b""} if answers else {}) as url:
        assert only(balancers.route(subject(tmp_path, route=f"{url}/ready"))) is verdict


def test_a_probed_route_that_is_the_deep_check(tmp_path: Path) -> None:
    """One route for both would never turn healthy again: refused without asking."""
    health = HealthCheck(http="http://127.0.0.1:9/ready")
    found = subject(tmp_path, route="http://127.0.0.1:9/ready", health=health)
    assert only(balancers.route(found)) is Verdict.REFUSED


def test_a_probed_route_that_nobody_serves(tmp_path: Path) -> None:
    """Nothing listens: a warning with the cure."""
    assert only(balancers.route(subject(tmp_path, route="http://127.0.0.1:9/ready"))) is Verdict.WARN


def test_a_probed_route_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time warns, too."""
    monkeypatch.setattr(balancers, "ROUTE_WITHIN", timedelta(milliseconds=50))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/ready"
        assert only(balancers.route(subject(tmp_path, route=url))) is Verdict.WARN


@pytest.mark.parametrize(
    ("peer", "verdict"),
    [
        ("10813FA8", Verdict.PASS),
        ("0000000000000000FFFF000010813FA8", Verdict.PASS),
        ("0100007F", Verdict.WARN),
    ],
)
def test_the_prober_is_seen_in_the_kernels_table(tmp_path: Path, peer: str, verdict: Verdict) -> None:
    """168.63.129.16 is found as IPv4 and mapped into IPv6, in connections that are over too."""
    table = tmp_path / "tcp"
    table.write_text("heading\n" + ROW.format(peer=peer))
    looked = balancers.prober(subject(tmp_path), tables=(table, tmp_path / "none"), wait=lambda _: None)
    assert only(looked) is verdict


def test_the_prober_left_evidence(tmp_path: Path) -> None:
    """Evidence of an earlier drain is enough; without any source named there is nothing to look for."""
    assert only(balancers.prober(subject(tmp_path, sources=()))) is Verdict.SKIPPED
    markers.write_evidence(tmp_path / "draining", "1-1", {"168.63.129.16": 3})
    assert only(balancers.prober(subject(tmp_path))) is Verdict.PASS


@pytest.mark.parametrize(
    ("text", "moving"),
    [
        ("backend a\n  balance source\n", ["backend a"]),
        ("backend a\n  balance source # sticky\n  hash-type consistent\n", []),
        ("backend a\n  balance source\n  hash-type map-based\n", ["backend a"]),
        ("defaults\n  balance source\nbackend a\nlisten b\n  balance roundrobin\n", ["backend a"]),
        ("defaults\n  hash-type consistent\nbackend a\n  balance uri\n", []),
        ("defaults\n  balance source\ndefaults\nbackend a\n", []),
        ("frontend f\n  bind :80\nbackend a\n  balance leastconn\n", []),
        ("listen a\n  balance hdr(Host)\n", ["listen a"]),
    ],
)
def test_sections_whose_hash_moves_clients(text: str, moving: list[str]) -> None:
    """A section hashes, its own or by its defaults, and not consistently: it is named."""
    assert list(balancers.sections_that_move(text)) == moving


def test_the_balancers_file(tmp_path: Path) -> None:
    """Read where the policy has the layer and the file can be read."""
    file = tmp_path / "haproxy.cfg"
    here = subject(tmp_path, layer="haproxy")
    assert only(balancers.hashing(here, file=file)) is Verdict.SKIPPED
    file.write_text("backend a\n  balance source\n")
    assert only(balancers.hashing(here, file=file)) is Verdict.WARN
    file.write_text("backend a\n  balance roundrobin\n")
    assert only(balancers.hashing(here, file=file)) is Verdict.PASS
    assert list(balancers.hashing(subject(tmp_path), file=file)) == []


def reading(standing: Standing) -> Membership:
    return Membership(entries=(Entry(name="web/vm1", standing=standing),))


def only(found: Iterable[Check]) -> Verdict:
    """The verdict of the one check that there is."""
    (check,) = found
    return check.verdict


def subject(
    directory: Path,
    *,
    layer: str = "health-probe",
    route: str = "http://127.0.0.1:80/ready",
    health: HealthCheck | None = None,
    sources: tuple[str, ...] = ("168.63.129.16",),
) -> Subject:
    options = Options(
        marker=str(directory / "draining"),
        route=route,
        sources=sources,
        interval=timedelta(milliseconds=10),
    )
    policy = Policy(
        rules=(Rule(),),
        backend=(BackendChoice(name=layer, options=options),),
        health=health or HealthCheck(),
    )
    return Subject(settings=Settings(state=directory), policy=policy, quiet=True)
