"""docs/interfaces.md is held to the code: what stands in it is there, and what is there stands in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drainer.alarms import KINDS as ALARMS
from drainer.cli import exits
from drainer.cli.entry import PASSED_ON, parser
from drainer.control.granting import FIELDS
from drainer.core.phase import VmPhase
from drainer.core.record import Outcome
from drainer.core.step import Noting
from drainer.journal.lines import KINDS
from drainer.reporting.metrics import FAMILIES
from drainer.settings import FLAGS
from tests.unit.cli.test_entry import RUNNABLE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading, up to the next."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section {title}"
    return found[1]


def first_cells(title: str) -> list[str]:
    """The first cell of each row of the section's tables, without heading and rule."""
    rows = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [row.split(" | ")[0].removeprefix("| ").removesuffix(" |") for row in rows if "`" in row]


def test_every_verb_is_listed() -> None:
    """The table of verbs has exactly the verbs that there are."""
    named = [cell.strip("`").split()[0] for cell in first_cells("Verbs")]
    assert sorted(named) == sorted((*RUNNABLE, *PASSED_ON))


@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_is_listed_with_its_verbs(name: str) -> None:
    """Each flag stands with its variable and the verbs that read it."""
    flag = FLAGS[name]
    row = next(line for line in section("Settings").splitlines() if line.startswith(f"| `{flag.option}"))
    assert f"`{flag.variable}`" in row
    verbs = row.split(" | ")[-1].removesuffix(" |").replace("every wish", ", ".join(FIELDS)).split(", ")
    takers = [verb for verb in RUNNABLE if flag.option in _options(verb)]
    assert sorted(set(verbs)) == sorted(takers)


def _options(verb: str) -> set[str]:
    verbs = next(action for action in parser()._actions if action.choices)
    assert isinstance(verbs.choices, dict)
    return set(verbs.choices[verb]._option_string_actions)


def test_every_exit_code_is_listed() -> None:
    """The table of exit codes has exactly the codes that verbs return."""
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)}
    assert listed == {value for name, value in vars(exits).items() if name.isupper()}


def test_every_metric_is_listed() -> None:
    """The table of metrics is the one that the code writes: names, types, help, in its order."""
    rows = re.findall(
        r"^\| `drainer_(\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", section("Metrics"), re.MULTILINE
    )
    assert [(name, kind, says) for name, kind, _, says in rows] == [
        (family.name, family.type, family.help) for family in FAMILIES
    ]


def test_every_label_is_listed() -> None:
    """The labels of the golden exposition are those of the table."""
    rows = dict(re.findall(r"^\| `drainer_(\w+)` \| \w+ \| ([^|]*) \|", section("Metrics"), re.MULTILINE))
    golden = (ROOT / "tests" / "golden" / "cli" / "metrics.txt").read_text(encoding="utf-8")
    for name, labels in re.findall(r"^drainer_(\w+)(?:\{(.*)\})? ", golden, re.MULTILINE):
        used = re.findall(r'(\w+)="', labels)
        assert used == re.findall(r"`(\w+)`", rows[name]), name


def test_every_alarm_is_listed() -> None:
    """Each kind of alarm that the code raises stands in the table, and no other."""
    listed = {kind for cell in first_cells("Alarms") for kind in re.findall(r"`([\w-]+)`", cell)}
    raised = {kind.name for kind in ALARMS}
    for path in (*(ROOT / "drainer").glob("*.py"), *(ROOT / "drainer" / "alarms").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'Alarm\(\s*kind="([\w-]+)"', text))
        raised |= set(re.findall(r'alarm\(\s*"([\w-]+)"', text))
    made = {"STEP-failing", "control-unavailable", "local-unavailable"}
    assert listed - made == raised


def test_phases_verbs_and_records_are_named() -> None:
    """Phases, the socket's verbs, journal kinds, notes and outcomes are all named."""
    for phase in VmPhase:
        assert f"`{phase.value}`" in section("status"), phase
    for verb in ("status", "history", *FIELDS):
        assert f"`{verb}`" in section("Control socket"), verb
    assert [cell.strip("`") for cell in first_cells("Journal")] == list(KINDS)
    for word in (*Noting, *Outcome):
        assert f"`{word.value}`" in section("Journal"), word


@pytest.mark.parametrize(
    ("name", "title"), [("status", "status"), ("history", "history"), ("explain", "explain"), ("vm", "vm")]
)
def test_every_member_is_described(name: str, title: str) -> None:
    """Each member of the golden JSON of a verb is named in its section."""
    golden = (ROOT / "tests" / "golden" / "cli" / f"{name}.json").read_text(encoding="utf-8")
    described = section(title) + section("once") + section("JSON")
    free = {"publicIpAddresses", "inboundRules", "outboundRules", "cordoned"}
    for member in set(re.findall(r'"(\w+)":', golden)) - free:
        assert re.search(rf"[`\"]{member}[`\"]", described), member
