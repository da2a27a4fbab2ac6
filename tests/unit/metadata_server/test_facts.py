"""Facts from a file become switches, or every wrong one is named with its file."""

import json
from pathlib import Path

import pytest

from metadata_server.cli.main import main
from metadata_server.errors import BadInput
from metadata_server.facts import load_facts
from metadata_server.switches import Switches


def written(folder: Path, content: object) -> Path:
    path = folder / "facts.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_facts_are_switches(tmp_path: Path) -> None:
    """Names are written either way, numbers as numbers too; what is not named stays as it is."""
    facts = {"if_match": "ignored", "established-on-removal": "reset", "ack-unknown": 200}
    expected = Switches(if_match="ignored", established_on_removal="reset", ack_unknown="200")
    assert load_facts(written(tmp_path, {"schema": 1, "facts": facts})) == expected


def test_every_wrong_fact_is_named(tmp_path: Path) -> None:
    """An unknown name and a wrong value are both reported, each with the file and the field."""
    path = written(tmp_path, {"schema": 1, "facts": {"nothing": "1", "if-match": "maybe"}})
    with pytest.raises(BadInput) as caught:
        load_facts(path)
    assert [problem.field for problem in caught.value.problems] == [
        f"{path}: facts.nothing",
        f"{path}: facts.if-match",
    ]
    assert caught.value.problems[1].expected == "honoured or ignored"


@pytest.mark.parametrize(
    ("content", "field"),
    [("{", ""), ([], ": schema"), ({"schema": 2}, ": schema"), ({"schema": 1, "facts": []}, ": facts")],
)
def test_what_is_no_file_of_facts(tmp_path: Path, content: object, field: str) -> None:
    """Another shape or schema is refused."""
    path = written(tmp_path, content)
    with pytest.raises(BadInput) as caught:
        load_facts(path)
    assert [problem.field for problem in caught.value.problems] == [f"{path}{field}"]


def test_serve_refuses_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`serve --facts` says what is wrong with the file, and serves nothing."""
    path = written(tmp_path, {"schema": 1, "facts": {"if-match": "maybe"}})
    assert main(["serve", "--vm", "vm1=127.0.0.1:0", "--facts", str(path)]) != 0
    assert f"{path}: facts.if-match" in capsys.readouterr().err
