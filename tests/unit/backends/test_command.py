"""The command backend: what programs are told, how their endings are read, and what they may print."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.backends.command import KIND, Command, Options
from drainer.clock import ManualClock
from drainer.core.model import (
    Done,
    Entry,
    InFlight,
    Membership,
    Pending,
    Standing,
    Unmeasured,
)
from drainer.errors import Broken, Refused, Transient
from drainer.testing import surroundings

TWO = {"entries": [{"name": "a", "standing": "in", "detail": "w=1"}, {"name": "b", "standing": "out"}]}
A = Entry(name="a", standing=Standing.IN, detail="w=1")
B = Entry(name="b", standing=Standing.OUT)


WAS = Membership(entries=(Entry(name="a", standing=Standing.IN),))


def says(printed: object) -> tuple[str, ...]:
    return ("/bin/echo", printed if isinstance(printed, str) else json.dumps(printed))


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def command(**options: object) -> Command:
    chosen = {"membership": says(TWO), "cordon": ("true",), "restore": ("true",), **options}
    backend = KIND.build(Options(**chosen), surroundings(ManualClock()))  # type: ignore[arg-type]
    assert isinstance(backend, Command)
    return backend


def test_membership_is_what_was_printed() -> None:
    """Entries, details and the generation are taken as they stand."""
    assert command().membership() == Membership(entries=(A, B))
    found = command(membership=says({"entries": [], "generation": "g1"})).membership()
    assert found == Membership(entries=(), generation="g1")


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "no json",
        [],
        {"entries": {}},
        {"entries": [], "more": 1},
        {"entries": [], "generation": 1},
        {"entries": ["a"]},
        {"entries": [{"name": "a"}]},
        {"entries": [{"name": "", "standing": "in"}]},
        {"entries": [{"name": "a", "standing": "up"}]},
        {"entries": [{"name": "a", "standing": "in", "isolated": 1}]},
        {"entries": [{"name": "a", "standing": "in", "isolated": True}]},
        {"entries": [{"name": "a", "standing": "in", "weight": 1}]},
        {"entries": [{"name": "a", "standing": "in"}, {"name": "a", "standing": "in"}]},
    ],
)
def test_what_is_no_membership_is_not_believed(printed: object) -> None:
    """Anything unclear is Transient: never a smaller membership."""
    with pytest.raises(Transient, match="command-garbled"):
        command(membership=says(printed)).membership()


def test_a_verb_is_told_which_entries(tmp_path: Path) -> None:
    """Cordon gets the entries that take work, one per line, with their details, and a clean environment."""
    told = tmp_path / "told"
    assert command(cordon=shell(f"env > {told}")).cordon() == Done()
    found = dict(line.split("=", 1) for line in told.read_text().splitlines())
    assert found["DRAINER_VERB"] == "cordon"
    assert found["DRAINER_VM"] == "vm1"
    assert found["DRAINER_ENTRIES"] == "a"
    assert json.loads(found["DRAINER_DETAILS"]) == {"a": "w=1"}
    assert not {"HOME", "USER"} & found.keys()


def test_restore_is_told_what_was(tmp_path: Path) -> None:
    """Restore names what was In and is not as it was, with the detail of then."""
    told = tmp_path / "told"
    now = {"entries": [{"name": "a", "standing": "out"}, {"name": "b", "standing": "out"}]}
    script = shell(f'echo "$DRAINER_ENTRIES $DRAINER_DETAILS" > {told}')
    assert command(membership=says(now), restore=script).restore(Membership(entries=(A, B))) == Done()
    assert told.read_text() == 'a {"a": "w=1"}\n'


def test_nothing_to_do_runs_nothing() -> None:
    """Where every entry is as it should be, no program runs."""
    idle = command(membership=says({"entries": [{"name": "b", "standing": "out"}]}), cordon=("false",))
    assert idle.cordon() == Done()
    assert command(restore=("false",)).restore(Membership(entries=(A, B))) == Done()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exit 1", Transient),
        ("exit 77", Refused),
        ("exit 78", Broken),
        ("kill -9 $$", Transient),
    ],
)
def test_an_exit_code_is_an_error_class(script: str, error: type[Exception]) -> None:
    """77 refuses, 78 needs a person, all else is tried again; the last words are the reason."""
    with pytest.raises(error, match="oh dear"):
        command(cordon=shell(f"echo oh dear; {script}")).cordon()


def test_75_is_pending_for_a_verb_and_transient_for_a_read() -> None:
    """A verb may take its time; a read that cannot answer has not answered."""
    assert command(cordon=shell("echo half way; exit 75")).cordon() == Pending(reason="half way")
    assert command(cordon=shell("exit 75")).cordon() == Pending(reason="cordon is under way")
    with pytest.raises(Transient):
        command(membership=shell("exit 75")).membership()


def test_a_slow_program_is_ended() -> None:
    """At the time-out it is killed; it may have acted."""
    with pytest.raises(Transient, match="command-timeout"):
        command(cordon=("sleep", "60"), timeout=timedelta(seconds=0.2)).cordon()


def test_a_missing_program_needs_a_person() -> None:
    """It will not appear by itself."""
    with pytest.raises(Broken, match="command-missing"):
        command(membership=("/nowhere",)).membership()


def test_counts_are_numbers_or_absent() -> None:
    """Without a command nothing is added, and other members are unknown; words are no number."""
    assert command().in_flight() == InFlight(count=0)
    assert isinstance(command().in_service_count(), Unmeasured)
    assert command(in_flight=says(" 3 ")).in_flight() == InFlight(count=3)
    assert command(in_service_count=says("2")).in_service_count() == 2
    for words in ("three", "-1", ""):
        with pytest.raises(Transient, match="command-garbled"):
            command(in_flight=says(words)).in_flight()


def test_without_a_soft_cordon_isolating_is_the_cordon(tmp_path: Path) -> None:
    """A layer with an isolate command alone cordons by it; one without refuses to isolate."""
    ran = tmp_path / "ran"
    hard = command(cordon=(), isolate=shell(f'echo "$DRAINER_VERB $DRAINER_ENTRIES" | tr "\\n" " " > {ran}'))
    assert (hard.cordons, hard.isolates) == (False, True)
    assert hard.cordon() == Done()
    assert ran.read_text() == "isolate a "
    ran.unlink()
    assert hard.isolate(WAS) == Done()
    assert ran.read_text() == "isolate a "
    soft = command()
    assert (soft.cordons, soft.isolates) == (True, False)
    with pytest.raises(Refused, match="cannot-isolate"):
        soft.isolate(WAS)


def test_undo_is_given_or_the_restore_command() -> None:
    """The text of the policy, else the restore command as a shell would take it."""
    assert command(undo="put back a").undo() == "put back a"
    assert command(restore=("lb", "give back")).undo() == "lb 'give back'"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"membership": ()}, "membership"),
        ({"restore": ()}, "restore"),
        ({"cordon": ()}, "cordon"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"timeout": timedelta(minutes=2)}, "timeout"),
        ({"settles_in": timedelta(seconds=-1)}, "settles_in"),
        ({"read_every": timedelta(seconds=-1)}, "read_every"),
    ],
)
def test_wrong_options_name_their_field(wrong: dict[str, object], field: str) -> None:
    """An option that makes no sense is refused by its name."""
    with pytest.raises(ValueError, match=rf"^{field}: expected .*, got "):
        command(**wrong)


def test_isolate_after_a_restart(tmp_path: Path) -> None:
    """A process that saw no cordon isolates what took work before it, and no entry of an operator's."""
    ran = tmp_path / "ran"
    command(isolate=shell(f'echo "$DRAINER_ENTRIES" | tr "\\n" " " > {ran}')).isolate(WAS)
    assert ran.read_text() == "a "
