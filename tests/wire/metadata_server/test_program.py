"""`metadata-server` as outside programs use it: real processes, their output, their exit codes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from metadata_server.cli import main
from metadata_server.clock import monotonic
from metadata_server.control.client import ControlClient
from tests.wire.metadata_server.program import Program, run, words
from tests.wire.metadata_server.wire import approve, ask, events

FREE = "127.0.0.1:0"
TOPOLOGY = """\
version: 1
vms:
  - {name: vm1, address: "127.0.0.1:0", set: web}
  - {name: vm2, address: "127.0.0.1:0", set: web, update_domain: 1}
pools:
  - name: web
    members: [{vm: vm1, address: "127.0.0.1:9"}, {vm: vm2, address: "127.0.0.2:9"}]
    probe: {protocol: tcp, interval: 50ms, threshold: 1}
balancers:
  - {listen: "127.0.0.1:0", pool: web, affinity: source}
"""


def test_serve_prints_its_listeners_and_stops_on_sigterm() -> None:
    """serve prints a line for each listener with its real port, `ready` last, and exits 0 on SIGTERM."""
    with Program("--vm", f"vm1={FREE},ud=1", "--vm", "vm6=[::1]:0", "--control", FREE) as program:
        kinds = [line.split()[0] for line in program.lines]
        assert kinds == ["metadata", "metadata", "control", "ready"]
        assert not any(line.endswith(":0") for line in program.lines)
        shown = ask(program.address("metadata", "vm1"), "/metadata/v1/InstanceInfo", headers={})
        assert shown.body.decode() == '{“ID":"vm1","UD":"1","FD":"0"}'
        assert ask(program.address("metadata", "vm6"), "/metadata/versions").status == 200
        begun = monotonic()
        assert program.stop() == 0
        assert monotonic() - begun < 3
        assert program.process.stderr is not None
        assert program.process.stderr.read() == ""


# The signal is taken by another thread, so that no wait of the main one is interrupted by it.
MISSED = """\
import signal, sys, threading
from metadata_server.cli import main

def missed():
    sys.stdin.readline()
    signal.pthread_kill(threading.get_ident(), int(sys.argv[1]))

threading.Thread(target=missed, daemon=True).start()
sys.exit(main(["serve", "--vm", "vm1=127.0.0.1:0"]))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are POSIX alone")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_hears_a_signal_that_its_wait_missed(number: int) -> None:
    """It stops, asked by nobody else: nothing in it looks at the time."""
    asked = [sys.executable, "-c", MISSED, str(int(number))]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdin is not None
            assert program.stdout is not None
            assert "ready\n" in iter(program.stdout.readline, "")
            program.stdin.write("\n")
            program.stdin.flush()
            assert program.wait(60) == 0
        finally:
            program.kill()


def test_serve_without_control_has_none() -> None:
    """Without --control there is no control path, and --v1 json chooses the valid form."""
    with Program("--vm", f"vm1={FREE}", "--v1", "json", "--switch", "v1-id=underscore") as program:
        assert [line.split()[0] for line in program.lines] == ["metadata", "ready"]
        reply = ask(program.address("metadata", "vm1"), "/metadata/v1/InstanceInfo", headers={})
        assert reply.content == {"ID": "_vm1", "UD": "0", "FD": "0"}


def test_story_from_the_command_line(tmp_path: Path) -> None:
    """A topology is served, and an event is led through its life with the program alone."""
    topology = tmp_path / "topology.yaml"
    topology.write_text(TOPOLOGY)
    arguments = ("--control", FREE, "--clock", "manual", "--start", "2030-01-31T12:00:00Z")
    with Program("--topology", str(topology), *arguments) as program:
        url, here = program.address("metadata", "vm1"), ("--control", program.address("control"))
        assert program.address("balancer", "web").startswith("127.0.0.1:")
        named = ("--type", "reboot", "--vm", "vm1", "--vm", "vm2", "--in", "20m")
        [event_id] = words(run("schedule", *here, *named))
        [event] = events(url)["Events"]
        assert (event["EventId"], event["Resources"]) == (event_id, ["vm1", "vm2"])
        assert event["NotBefore"] == "Thu, 31 Jan 2030 12:20:00 GMT"
        assert words(run("advance", *here, "20m")) == ["now=2030-01-31T12:20:00Z"]
        assert words(run("complete", *here, event_id)) == [event_id]
        again = run("complete", *here, event_id)
        assert (again.returncode, again.stdout) == (1, "")
        assert "expected an event that is Started" in again.stderr


def test_state_survives_sigkill(tmp_path: Path) -> None:
    """After SIGKILL the scenario goes on where it was: time, events, incarnation, faults, switches."""
    state = ("--clock", "manual", "--state", str(tmp_path / "state"))
    arguments = ("--vm", f"vm1={FREE}", "--control", FREE, *state)
    with Program(*arguments) as program:
        url, control = program.address("metadata", "vm1"), ControlClient(program.address("control"))
        kept = control.give("schedule", type="Reboot", vms=["vm1"])["id"]
        approved = control.give("schedule", type="Freeze", vms=["vm1"])["id"]
        control.give("advance", by="1m")
        control.give("switch", name="v1", value="json")
        control.give("fault", vm="vm1", kind="status", status=503, path="/metadata/v1")
        assert approve(url, approved).status == 200
        before, clock = events(url), control.show("clock")
        os.kill(program.process.pid, signal.SIGKILL)
        program.process.wait(10)
    assert [event["EventStatus"] for event in before["Events"]] == ["Scheduled", "Started"]
    assert before["Events"][0]["EventId"] == kept
    with Program(*arguments) as program:
        url, control = program.address("metadata", "vm1"), ControlClient(program.address("control"))
        assert (events(url), control.show("clock")) == (before, clock)
        assert ask(url, "/metadata/v1/InstanceInfo").status == 503
        control.give("mend", vm="vm1")
        assert ask(url, "/metadata/v1/InstanceInfo").content["ID"] == "vm1"


USAGE = [
    ([], 2, "required"),
    (["serve"], 2, "--vm"),
    (["serve", "--vm", "vm1"], 2, "--vm: expected NAME=ADDR:PORT"),
    (["serve", "--vm", f"vm1={FREE}", "--vm", f"vm1={FREE}"], 2, "expected a name used once"),
    (["serve", "--vm", f"vm1={FREE}", "--control", "9000"], 2, "--control: expected ADDRESS:PORT"),
    (["serve", "--vm", f"vm1={FREE}", "--switch", "v1"], 2, "--switch: expected NAME=VALUE"),
    (["serve", "--vm", f"vm1={FREE}", "--switch", "v1=x"], 2, "v1: expected seed or json, found 'x'"),
    (["serve", "--vm", f"vm1={FREE}", "--switch", "x=1"], 1, "name: expected one of v1"),
    (
        ["serve", "--vm", f"vm1={FREE}", "--start", "2030-01-31T12:00:00Z"],
        2,
        "--start: expected --clock manual",
    ),
    (
        ["serve", "--vm", f"vm1={FREE}", "--clock", "manual", "--start", "now"],
        2,
        "--start: expected an RFC 3339",
    ),
    (["serve", "--topology", "/nonexistent.yaml"], 1, "No such file"),
    (["list", "--control", "http://127.0.0.1:9"], 1, "refused"),
    (["list", "--control", "127.0.0.1:9"], 2, "a URL such as"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), USAGE, ids=[" ".join(row[0]) for row in USAGE])
def test_usage(arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant is refused on stderr, with nothing on stdout and the exit code for it."""
    try:
        found = main(arguments)
    except SystemExit as error:
        found = int(str(error.code))
    printed = capsys.readouterr()
    assert (found, printed.out) == (code, "")
    assert message in printed.err


def test_bad_topology_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong topology exits 78, each problem on a line that begins with its place."""
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nvms: []\ncolour: red\nsize: big\n")
    assert main(["serve", "--topology", str(path)]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{path}:3:1", f"{path}:4:1"]


def test_broken_log_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state directory that cannot be replayed exits 78 and names the line."""
    (tmp_path / "commands.jsonl").write_text("rubbish\n")
    assert main(["serve", "--vm", f"vm1={FREE}", "--state", str(tmp_path)]) == 78
    assert "commands.jsonl:1: expected the beginning of a scenario" in capsys.readouterr().err
