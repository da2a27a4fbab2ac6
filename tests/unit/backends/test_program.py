"""Programs of others: bounded in time and output, with a clean environment, ended as a group."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from drainer.machine import THIS
from drainer.transport import program
from drainer.transport.program import OUTPUT_LIMIT, Ending, Ran, environment, run
from tests.until import until

LONG = timedelta(seconds=20)


def shell(script: str, **options: object) -> Ran:
    return run(("/bin/sh", "-c", script), **{"env": environment(), "timeout": LONG, **options})  # type: ignore[arg-type]


def test_code_and_both_streams_come_back() -> None:
    """An exit code is an answer, and what was printed is kept apart."""
    assert shell("echo out; echo err >&2; exit 7") == Ran(
        ending=Ending.EXITED, code=7, output="out\n", errors="err\n"
    )


def test_only_path_lang_and_the_facts_are_inherited() -> None:
    """Nothing else of this process's environment reaches the program."""
    os.environ["DRAINER_SECRET"] = "x"
    try:
        ran = run(
            (sys.executable, "-c", "import os; print(*sorted(os.environ))"),
            env=environment(A="1"),
            timeout=LONG,
        )
    finally:
        del os.environ["DRAINER_SECRET"]
    assert set(ran.output.split()) - {"LC_CTYPE"} == {"A", "LANG", "PATH"}


def test_no_shell_reads_the_arguments() -> None:
    """Arguments arrive as they are."""
    assert run(("/bin/echo", "$HOME; *"), env=environment(), timeout=LONG).output == "$HOME; *\n"


def test_time_is_up_for_the_whole_group(tmp_path: Path) -> None:
    """At the limit the program and its children are killed, not the program alone."""
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    began = monotonic()
    ran = shell(f"sleep 60 > {alive} & sleep 60", timeout=timedelta(seconds=0.3))
    assert ran.ending is Ending.TIMED_OUT
    assert monotonic() - began < 5
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # the last writer is gone
    os.close(reader)


def test_stopping_ends_it_at_once() -> None:
    """A daemon that stops does not wait for a program."""
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    began = monotonic()
    assert shell("sleep 60", stopping=stop.is_set).ending is Ending.STOPPED
    assert monotonic() - began < 5
    timer.join()


def test_a_child_left_behind_delays_nothing() -> None:
    """A program that exits has exited, though a child of its holds the streams open."""
    began = monotonic()
    assert shell("sleep 5 & echo done").output == "done\n"
    assert monotonic() - began < 4


def test_endless_output_is_bounded() -> None:
    """Of a program that never stops printing the last bytes are kept."""
    ran = run(("yes",), env=environment(), timeout=timedelta(seconds=0.3))
    assert ran.ending is Ending.TIMED_OUT
    assert len(ran.output) == OUTPUT_LIMIT


def test_a_program_that_cannot_be_killed_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may hold one for ever: it is left behind, and not begun again until it is gone."""
    sleeping = ("sleep", "3600")
    left: list[int] = []
    monkeypatch.setattr(program, "THIS", replace(THIS, end=left.append))
    monkeypatch.setattr(program, "KILLED_WITHIN_S", 0.1)
    short = timedelta(seconds=0.2)
    try:
        assert run(sleeping, env=environment(), timeout=short).ending is Ending.TIMED_OUT
        again = run(sleeping, env=environment(), timeout=LONG)
        assert (again.ending, again.last_words) == (
            Ending.TIMED_OUT,
            "an earlier run was killed and does not end",
        )
        assert shell("echo another").output == "another\n"
    finally:
        os.killpg(left[0], signal.SIGKILL)
    assert len(left) == 1
    monkeypatch.undo()
    until(lambda: run(sleeping, env=environment(), timeout=short).errors == "", "the first one is gone")


def test_what_is_not_there_did_not_start() -> None:
    """A missing program is told apart from one that failed, and so is an argument that cannot be passed."""
    assert run(("/nowhere/at/all",), env=environment(), timeout=LONG).ending is Ending.NOT_STARTED
    assert run(("/bin/echo", "\0"), env=environment(), timeout=LONG).ending is Ending.NOT_STARTED


def test_last_words_are_the_last_line_that_says_something() -> None:
    """Errors speak last; blank lines say nothing."""
    assert Ran(ending=Ending.EXITED, output="a\nb\n\n", errors=" \n").last_words == "b"
    assert Ran(ending=Ending.EXITED, output="a", errors="why\n").last_words == "why"
    assert Ran(ending=Ending.EXITED).last_words == ""
