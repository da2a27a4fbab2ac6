"""docs/emulator.md says what the code does."""

import re
from pathlib import Path

from metadata_server.arm.faults import ArmFaultKind
from metadata_server.control.verbs import VERBS
from metadata_server.faults import FaultKind
from metadata_server.imds.scheduled_events import VERSIONS
from metadata_server.switches import Switches, about, choices, names
from metadata_server.topologyfile import parse

PAGE = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, without its head."""
    section = PAGE.partition(f"# {heading}\n")[2].partition("\n#")[0]
    table = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def test_every_switch_is_listed() -> None:
    """The page lists every switch with the values it takes, its default and what it decides."""
    default = Switches()
    expected = [[f"`{name}`", choices(name), default.shown(name), about(name)] for name in names()]
    assert rows("Switches") == expected


def test_every_verb_is_listed_with_its_fields() -> None:
    """The page lists every verb and each field that it takes."""
    listed = {
        verb: set(re.findall(r"`(\w[\w-]*)`", row[1]))
        for row in rows("The controller")
        for verb in re.findall(r"`([\w-]+)`", row[0])
    }
    assert listed == {verb.name: {field.name for field in verb.fields} for verb in VERBS}


def test_every_fault_is_listed() -> None:
    """The page lists every kind of fault."""
    assert {row[0].strip("`") for row in rows("Faults")} == {kind.value for kind in FaultKind}


def test_every_fault_of_the_management_api_is_listed() -> None:
    """The page lists every kind of `arm-fault`."""
    listed = {kind for row in rows("The management API") for kind in re.findall(r"`([\w-]+)`", row[0])}
    assert listed - {"arm-fault"} == {kind.value for kind in ArmFaultKind}


def test_every_version_is_listed() -> None:
    """The page names every api-version of Scheduled Events."""
    assert all(version in PAGE for version in VERSIONS)


def test_sample_topology_is_accepted() -> None:
    """The topology that the page shows is one that can be served."""
    [sample] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert parse(sample, file="docs/emulator.md").vms[0].name == "vm1"
