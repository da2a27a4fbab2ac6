"""The controller's subcommands against a running emulator, and what they print."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from metadata_server.cli import main
from metadata_server.control.verbs import VERBS
from metadata_server.testing import ServedEmulator, serve_in_thread, vms


@pytest.fixture
def emulator() -> Iterator[ServedEmulator]:
    with serve_in_thread((*vms("vm1", "vm2", set="web"), *vms("lone"))) as served:
        yield served


class Terminal:
    """Runs commands and reads what they print."""

    def __init__(self, emulator: ServedEmulator, capsys: pytest.CaptureFixture[str]) -> None:
        self._control = emulator.control_url
        self._capsys = capsys

    def run(self, verb: str, *arguments: str) -> list[str]:
        assert main([verb, "--control", self._control, *arguments]) == 0
        return self._capsys.readouterr().out.splitlines()

    def shown(self, verb: str, *arguments: str) -> Any:
        [line] = self.run(verb, "--json", *arguments)
        return json.loads(line)


@pytest.fixture
def terminal(emulator: ServedEmulator, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(emulator, capsys)


def test_every_option_of_schedule(terminal: Terminal) -> None:
    """Each option of schedule reaches the event, and its id is all that is printed."""
    options = ["--type", "Redeploy", "--vm", "vm2", "--vm", "vm1", "--in", "1h", "--duration", "30s"]
    [event_id] = terminal.run(
        "schedule", *options, "--lasts", "2m", "--source", "User", "--description", "x y"
    )
    [event] = terminal.shown("list")["events"]
    assert event["id"] == event_id
    found = {name: event[name] for name in ("type", "vms", "duration_s", "lasts_s", "source", "description")}
    assert found == {
        "type": "Redeploy",
        "vms": ["vm2", "vm1"],
        "duration_s": 30,
        "lasts_s": 120.0,
        "source": "User",
        "description": "x y",
    }


def test_failure_prints_an_id_for_each_set(terminal: Terminal) -> None:
    """fail prints one id for each set that was hit."""
    ids = terminal.run("fail", "--vm", "vm1", "--vm", "lone")
    assert ids == [event["id"] for event in terminal.shown("list")["events"]]
    assert len(ids) == 2


def test_verbs_with_an_id(terminal: Terminal) -> None:
    """start, complete, approve and cancel take the id and print it."""
    [first] = terminal.run("schedule", "--type", "Reboot", "--vm", "vm1")
    [second] = terminal.run("schedule", "--type", "Reboot", "--vm", "vm1")
    assert terminal.run("start", first.lower()) == [first]
    assert terminal.run("complete", first) == [first]
    assert terminal.run("approve", second, "--vm", "vm2") == [second]
    assert terminal.shown("list", "--all")["events"][1]["approved_by"] == ["vm2"]


def test_list_is_a_table(terminal: Terminal) -> None:
    """list prints a heading and a line for each event, with its columns in line."""
    heading = ["ID", "TYPE", "STATUS", "NOT_BEFORE", "SOURCE", "VMS"]
    assert [line.split() for line in terminal.run("list")] == [heading]
    [event_id] = terminal.run("schedule", "--type", "Freeze", "--vm", "vm1", "--vm", "vm2")
    first, second = terminal.run("list")
    assert second.split()[:3] == [event_id, "Freeze", "Scheduled"]
    assert second.index("Freeze") == first.index("TYPE")
    assert second.endswith("vm1,vm2")
    [shown] = terminal.run("schedule", "--json", "--type", "Freeze", "--vm", "vm1")
    assert json.loads(shown)["type"] == "Freeze"


def test_verbs_about_the_rest(terminal: Terminal, emulator: ServedEmulator) -> None:
    """The other verbs print what they did as name=value."""
    assert terminal.run("switch", "ack-unknown", "200") == ["name=ack-unknown value=200"]
    assert terminal.run("fault", "--vm", "vm1", "--kind", "delay", "--delay", "1s") == ["vm=vm1 kind=delay"]
    assert terminal.run("mend", "--vm", "vm1") == ["vm=vm1"]
    assert terminal.run("silence", "--vm", "vm1") == ["vm=vm1"]
    assert terminal.run("unsilence", "--vm", "vm1") == ["vm=vm1"]
    assert terminal.run("leave", "--vm", "vm1") == ["vm=vm1 pools="]
    assert terminal.run("join", "--vm", "vm1") == ["vm=vm1 pools="]
    assert terminal.run("reset", "--vm", "vm2") == ["scope=set web"]
    assert emulator.control.show("faults") == {"faults": []}


def test_every_verb_has_a_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    """What the HTTP path can do, the command line can."""
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = capsys.readouterr().out
    assert {verb.name for verb in VERBS} <= set(offered.split())
