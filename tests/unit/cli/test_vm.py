"""`vm`: who this VM is, from a service over a real socket."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Drainer
from tests.unit.cli.served import metadata
from tests.unit.cli.test_golden import plain, same

Capture = pytest.CaptureFixture[str]

INSTANCE = {
    "compute": {
        "name": "web1",
        "vmId": "0a1b",
        "platformUpdateDomain": "2",
        "platformFaultDomain": "1",
        "vmScaleSetName": "web",
        "zone": "3",
    },
    "network": {
        "interface": [
            {
                "macAddress": "000D3A000001",
                "ipv4": {"ipAddress": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": ""}]},
                "ipv6": {"ipAddress": [{"privateIpAddress": "fd00::4"}]},
            },
            "nonsense",
            {"macAddress": "", "ipv4": {"ipAddress": "nonsense"}},
        ]
    },
}
BALANCER: dict[str, dict[str, list[str]]] = {
    "loadbalancer": {"publicIpAddresses": [], "inboundRules": [], "outboundRules": []}
}
EVENTS = {
    "DocumentIncarnation": 1,
    "Events": [
        {
            "EventId": "E1",
            "EventType": "Reboot",
            "Resources": ["web1"],
            "EventStatus": "Scheduled",
            "NotBefore": "",
        }
    ],
}


def bodies(**changes: object) -> dict[str, bytes]:
    served = {
        "/metadata/instance": INSTANCE,
        "/metadata/loadbalancer": BALANCER,
        "/metadata/scheduledevents": EVENTS,
        **{f"/metadata/{name}": value for name, value in changes.items()},
    }
    return {path: json.dumps(body).encode() for path, body in served.items() if body is not None}


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nbackend: [fake: {}]\nrules:\n  - match: {}\n    do: drain\n")
    return str(path)


def test_everything_is_shown(drainer: Drainer, policy: str, capsys: Capture) -> None:
    """Identity, domains, set, zone, interfaces, balancer, membership and notices are shown."""
    with metadata(bodies()) as base:
        assert drainer("vm", "--metadata-url", base, "--policy", policy) == 0
        assert capsys.readouterr().out.splitlines() == [
            "VM             web1",
            "id             0a1b",
            "update domain  2",
            "fault domain   1",
            "set            web",
            "zone           3",
            "source         scheduled-events",
            "network        000D3A000001 10.0.0.4 fd00::4",
            "network        -",
            'load balancer  {"publicIpAddresses": [], "inboundRules": [], "outboundRules": []}',
            "layer          fake: In fake in",
            "notice         Reboot E1, Scheduled, at an unknown time",
        ]
        assert drainer("vm", "--json", "--metadata-url", base, "--policy", policy) == 0
    same("vm.json", plain(json.loads(capsys.readouterr().out)))


def test_what_is_not_served_is_told(drainer: Drainer, policy: str, capsys: Capture) -> None:
    """Without a balancer's metadata, and with none pending, each has its line and nothing fails."""
    quiet = {"DocumentIncarnation": 1, "Events": []}
    with metadata(bodies(loadbalancer=None, scheduledevents=quiet)) as base:
        assert drainer("vm", "--metadata-url", base, "--policy", policy) == 0
    told = capsys.readouterr().out
    assert "load balancer  not told: http-404: answered 404: ''" in told
    assert "notice         none is pending" in told


def test_an_unreachable_service_is_told(
    drainer: Drainer, policy: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing answers, everything says why, the layers are read all the same, and the exit is 1."""
    monkeypatch.setattr("drainer.vm.PATIENCE", timedelta(0))
    assert drainer("vm", "--metadata-url", "http://127.0.0.1:9", "--policy", policy) == 1
    said = capsys.readouterr()
    assert "notices        cannot be read: name-unknown: " in said.out
    assert "network        cannot be read: refused: 127.0.0.1:9: nothing listens there" in said.out
    assert "layer          fake: In" in said.out
    assert said.err.startswith("drainer: http://127.0.0.1:9 gave nothing")


def test_a_wrong_name_is_not_waited_for(drainer: Drainer, policy: str, capsys: Capture) -> None:
    """A --vm-name that the platform contradicts is told at once."""
    with metadata(bodies()) as base:
        assert drainer("vm", "--metadata-url", base, "--policy", policy, "--vm-name", "web2") == 0
    assert "name-mismatch" in capsys.readouterr().out


def test_an_answer_that_comes_late(
    drainer: Drainer, policy: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that cannot be read at first is asked again for a few seconds."""
    monkeypatch.setattr("drainer.vm.LOOK_EVERY_S", 0.001)
    monkeypatch.setattr("drainer.vm.PATIENCE", timedelta(milliseconds=50))
    with metadata(bodies(scheduledevents={"Events": "nonsense"})) as base:
        assert drainer("vm", "--metadata-url", base, "--policy", policy) == 0
    assert "notices        cannot be read: wrong-shape" in capsys.readouterr().out


def test_a_layer_that_cannot_be_read(
    drainer: Drainer, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer without an answer is Unreadable with the reason."""
    from drainer.backends import fake
    from drainer.errors import Transient

    def silent(self: object, now: object) -> object:
        raise Transient("fake-unreadable", "the balancer gives no answer")

    monkeypatch.setattr(fake.Balancer, "read", silent)
    monkeypatch.setattr("drainer.vm.PATIENCE", timedelta(0))
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nbackend: [fake: {}]\nrules:\n  - match: {}\n    do: drain\n")
    assert drainer("vm", "--metadata-url", "http://127.0.0.1:9", "--policy", str(path)) == 1
    assert "layer          fake: Unreadable the balancer gives no answer" in capsys.readouterr().out
