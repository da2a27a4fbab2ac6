"""`check`: exit status and output, byte for byte as kept in tests/golden/policy."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from drainer.policyfile.check import Style, check
from tests.unit.policyfile.goldens import FOLDER
from tests.unit.policyfile.samples import KINDS, MINIMAL

REFUSED = "version: 1\nkeep_last: yes\nrules: [{}]\n"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def checked(*contents: str | bytes, style: Style = Style.TEXT) -> tuple[int, str, str]:
    paths = [Path(f"{index}.yaml") for index in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return verdict(*paths, style=style)


def verdict(*paths: Path, style: Style = Style.TEXT) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = check(paths, backends=KINDS, out=out, err=err, style=style)
    return status, out.getvalue(), err.getvalue()


def test_an_accepted_policy_is_printed_and_its_warnings_apart() -> None:
    """The effective policy goes to stdout, what it leaves open to stderr, and the status is 0."""
    status, out, err = checked(MINIMAL)
    assert status == 0
    assert out == (FOLDER / "check-accepted.txt").read_text("utf-8")
    assert err.startswith("0.yaml: warning: keep_last, min_in_service: without effect")


def test_a_refused_policy_prints_its_problems_only() -> None:
    """Problems go to stderr, one a line, nothing to stdout, and the status is 78."""
    expected = "0.yaml:2:12: keep_last: expected true or false, got yes, which YAML reads as true\n"
    assert checked(REFUSED) == (78, "", expected)


def test_one_refused_file_of_several_decides() -> None:
    """Every file is judged, and one that is refused makes the status 78."""
    status, out, err = checked(REFUSED, MINIMAL)
    assert status == 78
    assert "# 1.yaml, as it takes effect\n---\n" in out
    assert "0.yaml:2:12: " in err


def test_a_missing_file_is_a_configuration_fault() -> None:
    """A file that is not there is 78 with a clear message."""
    expected = "absent.yaml:1:1: file: expected a readable file, got No such file or directory\n"
    assert verdict(Path("absent.yaml")) == (78, "", expected)


def test_a_folder_is_no_policy() -> None:
    """A path that is no file is a problem, no traceback."""
    assert verdict(Path()) == (78, "", ".:1:1: file: expected a readable file, got Is a directory\n")


def test_other_encodings_are_refused_where_they_begin() -> None:
    """A byte that is not UTF-8 is named with its place, counted in characters."""
    expected = "0.yaml:2:4: file: expected UTF-8, got the byte 0xFC\n"
    assert checked("version: 1\n# é".encode() + b"\xfc") == (78, "", expected)


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    """No more is read of a file than a policy may hold."""
    expected = "/dev/zero:1:1: file: expected at most 256 KiB, got a longer file\n"
    assert verdict(Path("/dev/zero")) == (78, "", expected)


def test_json_of_an_accepted_policy() -> None:
    """One object on one line: no problems, the warnings, the effective policy as values."""
    status, out, err = checked(MINIMAL, style=Style.JSON)
    answer = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert list(answer) == ["schema", "file", "problems", "warnings", "effective"]
    assert (answer["schema"], answer["file"], answer["problems"]) == (1, "0.yaml", [])
    assert answer["effective"]["rules"][0]["lead"] == "5m"
    assert len(answer["warnings"]) == 1


def test_json_of_a_refused_policy() -> None:
    """Each problem in its parts, and null where the policy would stand."""
    status, out, _ = checked(REFUSED, style=Style.JSON)
    problem = {
        "file": "0.yaml",
        "line": 2,
        "column": 12,
        "field": "keep_last",
        "expected": "true or false",
        "found": "yes, which YAML reads as true",
    }
    expected = {"schema": 1, "file": "0.yaml", "problems": [problem], "warnings": [], "effective": None}
    assert status == 78
    assert expected == json.loads(out)


def test_json_of_several_files_is_one_line_each() -> None:
    """Several files make several lines, in the order given."""
    _, out, _ = checked(MINIMAL, REFUSED, style=Style.JSON)
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["0.yaml", "1.yaml"]
