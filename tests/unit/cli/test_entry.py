"""The command line as a whole: dispatch, exit codes, and what is imported when."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from drainer import demo, wiring
from drainer.cli import entry, exits, main, running
from drainer.settings import Settings
from tests.unit.cli.conftest import Drainer

Capture = pytest.CaptureFixture[str]

ROOT = Path(__file__).parents[3]
HEAVY = ("rich", "requests", "azure", "starlette", "yaml", "matplotlib", "asyncio", "drainer.wiring")


def test_nothing_heavy_is_imported_to_parse() -> None:
    """Parsing imports nothing that a verb alone needs."""
    code = (
        "import sys; from drainer.cli import entry; entry.parser(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "[]"


def test_run_gets_its_settings(drainer: Drainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` hands flags and variables to the daemon, whose code is the exit code."""
    from drainer import daemon

    given: list[Settings] = []

    def run(settings: Settings) -> int:
        given.append(settings)
        return 75

    monkeypatch.setattr(daemon, "run", run)
    assert drainer("run", "--dry-run", "--local", "off", "--vm-name", "web1") == 75
    assert (given[0].dry_run, given[0].local, given[0].vm_name) == (True, None, "web1")
    assert str(given[0].state) == os.environ["DRAINER_STATE"]


def test_once_passes_its_flags_on(drainer: Drainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`once` hands on --json and --record; a bare --record is `always`."""
    from drainer import once

    asked: list[tuple[bool, str | None]] = []

    def look(settings: Settings, *, json: bool, record: str | None) -> int:
        asked.append((json, record))
        return exits.PENDING

    monkeypatch.setattr(once, "main", look)
    assert drainer("once") == drainer("once", "--json", "--record") == exits.PENDING
    assert drainer("once", "--record", "on-change") == exits.PENDING
    assert asked == [(False, None), (True, "always"), (False, "on-change")]


def test_check_reports_every_problem(drainer: Drainer, tmp_path: Path, capsys: Capture) -> None:
    """`check` prints a good policy as it takes effect (0), and every fault of a bad one (78)."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("version: 1\nbackend: [fake: {}]\nrules:\n  - match: {}\n    do: drain\n")
    bad.write_text("version: 2\nrules: []\n")
    assert drainer("check", str(good)) == exits.OK
    assert "drain_timeout: 2m" in capsys.readouterr().out
    assert drainer("check", str(bad)) == exits.CONFIGURATION
    assert len(capsys.readouterr().err.splitlines()) >= 2
    assert drainer("check", "--json", str(bad)) == exits.CONFIGURATION
    assert '"problems": [{' in capsys.readouterr().out


def test_probe_and_demo_read_their_own_arguments(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """`probe` and `demo` get everything behind their name."""
    assert main(["probe", "--help"]) == exits.OK
    assert "--marker PATH" in capsys.readouterr().out
    given: list[list[str]] = []

    class Demo:
        @staticmethod
        def main(arguments: list[str]) -> int:
            given.append(arguments)
            return 1

    monkeypatch.setattr(running, "import_module", lambda name: Demo)
    assert main(["demo", "--short", "--backend", "haproxy"]) == exits.FAILED
    assert given == [["--short", "--backend", "haproxy"]]


def test_the_demo_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Without something that the demo needs nothing is begun: it is named, and how to get it."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name in ("rich", "uvicorn") else name)
    assert main(["demo"]) == exits.FAILED
    said = capsys.readouterr().err
    assert "(rich, uvicorn): pip install 'drainer[demo]'" in said


def test_all_that_the_extra_brings_is_asked_for() -> None:
    """What the demo looks for is what its extra installs, the emulator's included."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*extras["optional-dependencies"]["demo"], *extras["optional-dependencies"]["emulator"]]
    names = {re.split(r"[\[>]", each)[0] for each in listed}
    assert set(demo.NEEDS) == names - {"drainer"}


def test_a_build_without_the_demo_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The single file has none of its modules."""
    monkeypatch.setattr(running, "find_spec", lambda name: None)
    assert main(["demo"]) == exits.FAILED
    assert capsys.readouterr().err == "drainer: this build has no demo: pip install 'drainer[demo]'\n"


def test_a_build_without_azure_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The single file rescues nothing: one sentence, and no child process that could not start."""
    monkeypatch.setattr(wiring, "has_azure", lambda: False)
    assert main(["rescue", "/subscriptions/S/resourceGroups/G"]) == exits.FAILED
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "drainer: this build has nothing of Azure: install the .deb, or the wheel\n",
    )


def test_version(capsys: Capture) -> None:
    """`version` prints the name and the version."""
    assert main(["version"]) == exits.OK
    assert capsys.readouterr().out.startswith("drainer 0.")


@pytest.mark.parametrize("arguments", [[], ["reboot"], ["run", "--stat", "/x"]])
def test_wrong_usage(arguments: list[str], capsys: Capture) -> None:
    """No verb, an unknown one, and an abbreviated flag are usage errors on stderr."""
    assert main(arguments) == exits.USAGE
    said = capsys.readouterr()
    assert "usage: drainer" in said.err
    assert said.out == ""


def test_a_bad_setting_is_exit_2(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag, or a variable, that cannot be read is 2, by its name."""
    assert main(["run", "--local", "nowhere"]) == exits.USAGE
    assert capsys.readouterr().err == (
        "drainer: --local: expected ADDRESS:PORT (IPv6 in brackets) or off, got 'nowhere'\n"
    )
    monkeypatch.setenv("DRAINER_SOURCE", "imds")
    assert main(["vm"]) == exits.USAGE
    assert capsys.readouterr().err.startswith("drainer: DRAINER_SOURCE: expected one of")


def test_arguments_default_to_the_process(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Without arguments `main` reads those of the process, as the console script needs it."""
    monkeypatch.setattr(sys, "argv", ["drainer", "version"])
    assert main() == exits.OK
    assert capsys.readouterr().out.startswith("drainer ")


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is 130."""

    def interrupt(parsed: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_run", interrupt)
    assert main(["version"]) == exits.INTERRUPTED


def test_a_reader_who_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that nobody takes any more is 1, and stdout is forgotten."""
    forgotten: list[bool] = []

    def cut_off(parsed: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(entry, "_run", cut_off)
    monkeypatch.setattr(entry, "_forget_stdout", lambda: forgotten.append(True))
    assert main(["version"]) == exits.FAILED
    assert forgotten == [True]


def test_a_broken_pipe_is_quiet() -> None:
    """Nor does the interpreter complain of it at its end."""
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; from drainer.cli import main; sys.exit(main(['version']))"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(write)
    assert (ran.returncode, ran.stderr) == (exits.FAILED, "")


def test_every_verb_has_help_with_an_example(capsys: Capture) -> None:
    """Each verb of ours says what it does and shows an example."""
    assert main(["--help"]) == exits.OK
    verbs = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    verbs = [verb for verb in verbs if verb in RUNNABLE]
    assert sorted(set(verbs)) == sorted(RUNNABLE)
    for verb in RUNNABLE:
        assert main([verb, "--help"]) == exits.OK
        assert f"example: drainer {verb}" in capsys.readouterr().out


RUNNABLE = (
    "run",
    "once",
    "check",
    "status",
    "history",
    "explain",
    "vm",
    "hold",
    "skip",
    "force",
    "drain",
    "restore",
    "resume",
    "adopt",
    "doctor",
    "rescue",
    "certify",
    "version",
)


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_an_output_that_takes_nothing_is_no_bug(redirection: str) -> None:
    """A full disk under the output is told and exits 1; a stream that was closed is as good as nobody's."""
    command = f'exec "$0" -m drainer version {redirection}'
    ran = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == (exits.FAILED if "full" in redirection else exits.OK)
    assert ran.stderr == (
        "drainer: the output cannot be written: No space left on device\n" * ("full" in redirection)
    )


def test_an_error_says_nothing_to_the_terminal(drainer: Drainer, capsys: Capture) -> None:
    """What stands in an argument is shown, not obeyed."""
    assert drainer("status", "--socket", "/nowhere/\x1b[2J") == exits.NO_DAEMON
    assert "\x1b" not in capsys.readouterr().err
