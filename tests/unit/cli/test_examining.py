"""The verbs for a VM in Azure, as far as they go without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drainer.azure.roles import ROLES
from drainer.certify import cycle
from drainer.certify.facts import Facts
from drainer.certify.run import _undone
from drainer.cli import exits, main
from drainer.doctor import platform
from drainer.doctor.patience import Patient
from drainer.errors import Refused, Transient
from tests.unit.azure.cloud import NIC, cloud
from tests.unit.azure.test_rescue import taken_out

Capture = pytest.CaptureFixture[str]
NOBODY = ("--metadata-url", "http://127.0.0.1:9")


def test_roles_are_printed_one_to_a_line(capsys: Capture) -> None:
    """Each line is a document for the command line, at the scope that was given."""
    assert main(["doctor", "--roles", "/subscriptions/s"]) == exits.OK
    roles = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [role["Name"] for role in roles] == [f"drainer {role}" for role in ROLES]
    assert {role["AssignableScopes"][0] for role in roles} == {"/subscriptions/s"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "--jitter", "soon"),
        ("doctor", "--jitter", "-1"),
        ("rescue", "nowhere/at/all"),
        ("certify", "--out", "f", "--time-limit", "never"),
        ("certify", "--out", "f", "--client", "ftp://x"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], capsys: Capture) -> None:
    """What cannot be meant is exit 2, and the argument is named."""
    assert main(list(arguments)) == exits.USAGE
    assert "expected" in capsys.readouterr().err


def test_a_doctor_without_azure(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other checks are made for any policy; with no metadata service it refuses, and says the cure."""
    monkeypatch.setattr(platform, "FIRST_ANSWER_S", 0.1)
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nbackend: [fake]\nrules: [{match: {}, do: drain}]\n")
    (tmp_path / "journal.jsonl").mkdir()  # a journal that cannot be read
    given = ["doctor", "--policy", str(policy), "--state", str(tmp_path), *NOBODY]
    assert main(given) == exits.FAILED
    said = capsys.readouterr().out
    assert "REFUSED  metadata-service" in said
    assert "skipped  identity" in said
    assert "-> allow this VM to reach 169.254.169.254" in said


def test_certify_needs_a_yes(tmp_path: Path, capsys: Capture) -> None:
    """Nothing begins without consent."""
    assert main(["certify", "--out", str(tmp_path / "f"), *NOBODY]) == exits.FAILED
    assert "--yes" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()


def test_what_certify_left_out_is_given_back_by_its_mark(capsys: Capture) -> None:
    """Whatever ended the measuring; where that fails a person is told what to run."""
    here, facts = taken_out(), Facts()
    _undone(facts, Patient(here, whole_s=5, pause_s=0.001))
    assert facts.cycle["undone"] is True
    assert NIC in capsys.readouterr().err
    here, facts = taken_out(), Facts()
    here.unwritable[NIC.lower()] = Refused("azure-forbidden", "no")
    _undone(facts, Patient(here, whole_s=5, pause_s=0.001))
    assert facts.cycle["undone"] is False
    assert "drainer rescue --run" in capsys.readouterr().err


def test_an_interface_that_is_not_as_it_was_is_named() -> None:
    """A mark that stands, another member, a missing interface: each counts."""
    before = {NIC: cloud().get(NIC)}
    assert cycle.exact(before, {NIC: {**before[NIC], "etag": "other"}}) == []
    assert cycle.exact(before, {NIC: {**before[NIC], "location": "north"}}) == [NIC]
    assert cycle.exact(before, {NIC: taken_out().get(NIC)}) == [NIC]
    assert cycle.exact(before, {}) == [NIC]


def test_trouble_is_waited_out_while_there_is_time() -> None:
    """The same call is made again, and its error is told once time is over."""

    def failing() -> None:
        raise Transient("azure-unreachable", "no")

    with pytest.raises(Transient):
        cycle.until(failing, ends=0.0)
