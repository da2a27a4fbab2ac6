"""What of YAML a policy may use, and what the text of the file must be."""

from __future__ import annotations

import pytest

from drainer.policyfile.tree import MOST_BYTES, MOST_DEPTH, MOST_NODES
from tests.unit.policyfile.samples import MINIMAL, problems

BOMB = "a: &a [x,x]\nb: &b [*a,*a]\n"

CASES = {
    "empty": ("", "1:1: yaml: expected a policy, got an empty file"),
    "only a comment": ("# nothing\n", "1:1: yaml: expected a policy, got an empty file"),
    "only a scalar": ("drain\n", '1:1: policy: expected a mapping, got "drain"'),
    "a second document": (f"{MINIMAL}---\na: 1\n", "3:1: yaml: expected one document, got a second one"),
    "a NUL byte": ("version: 1\nru\0les: [{}]\n", "2:3: yaml: expected printable text, got a NUL byte"),
    "a control character": (
        "version: \x1b1\n",
        "1:10: yaml: expected printable text, got the control character U+001B",
    ),
    "an escaped NUL": (
        f'{MINIMAL}health: {{command: ["a\\0"]}}\n',
        "3:20: yaml: expected printable text, got an escaped control character",
    ),
    "half a surrogate": (
        f'{MINIMAL}health: {{command: ["\\uD800"]}}\n',
        "3:20: yaml: expected printable text, got an escaped control character",
    ),
    "an impossible escape": (
        'version: "\\UFFFFFFFF"\n',
        "1:13: yaml: expected valid YAML, got an escape that names no character",
    ),
    "a tab": (
        "version: 1\nrules:\n\t- do: log\n",
        "3:1: yaml: expected spaces, got a tab, which YAML does not allow here",
    ),
    "an anchor": (f"{MINIMAL}keep_last: &a true\n", "3:12: yaml: expected no anchor, got &a"),
    "a tag": (
        f"{MINIMAL}keep_last: !!bool true\n",
        "3:12: yaml: expected no tag, got tag:yaml.org,2002:bool",
    ),
    "a tag that would run": (
        f"{MINIMAL}keep_last: !!python/object/apply:os.system [ls]\n",
        "3:12: yaml: expected no tag, got tag:yaml.org,2002:python/object/apply:os.system",
    ),
    "a merge key": (f"{MINIMAL}<<: {{}}\n", "3:1: yaml: expected the keys themselves, got the merge key <<"),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_a_policy_may_not_use_is_named(text: str, expected: str) -> None:
    """Each thing that YAML knows and a policy may not use is refused where it stands."""
    assert f"p:{expected}" in problems(text)


def test_an_alias_is_refused_and_its_meaning_not_looked_at() -> None:
    """An alias is one problem, not two: the value it would stand for is not judged."""
    text = "version: 1\nkeep_last: &a true\nsystem_log: *a\nrules: [{}]\n"
    assert problems(text) == [
        "p:2:12: yaml: expected no anchor, got &a",
        "p:3:13: yaml: expected the value itself, got the alias *a",
    ]


def test_a_bomb_does_not_go_off() -> None:
    """Aliases of aliases are refused one by one and never unfolded."""
    rungs = "".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]\n" for n in range(1, 30))
    found = problems(f"k0: &k0 [x]\n{rungs}")
    assert sum("the alias" in line for line in found) == 29 * 9


def test_broken_yaml_is_shown_where_it_breaks() -> None:
    """A syntax error names its line and what the parser missed, on one line."""
    (line,) = problems("version: 1\nrules: [{}\nkeep_last: true\n")
    assert line.startswith("p:3:1: yaml: expected valid YAML, got ")
    assert "\n" not in line


def test_what_was_refused_before_broken_yaml_is_reported_too() -> None:
    """A syntax error does not hide what stands above it."""
    assert [":".join(line.split(":")[1:3]) for line in problems("version: &a 1\nrules: ]\n")] == [
        "1:10",
        "2:8",
    ]


def test_depth_is_bounded() -> None:
    """The first level that is too deep is refused, and nothing below it is read."""
    depth = MOST_DEPTH + 5
    (line,) = problems("[" * depth + "]" * depth)
    assert line == f"p:1:{MOST_DEPTH + 1}: yaml: expected at most {MOST_DEPTH} levels, got one more"


def test_the_number_of_values_is_bounded() -> None:
    """A file with more keys and values than any policy has is refused where they become too many."""
    (line,) = problems(f"[{'1,' * MOST_NODES}]")
    assert line == f"p:1:{2 * MOST_NODES}: yaml: expected at most {MOST_NODES} keys and values, got one more"


def test_size_is_bounded() -> None:
    """A text of more than 256 KiB is refused unread."""
    text = MINIMAL + "#" * MOST_BYTES
    assert [f"p:1:1: yaml: expected at most 256 KiB, got {len(text)} characters"] == problems(text)


def test_a_byte_order_mark_is_no_fault() -> None:
    """Editors of some systems write one; positions do not shift by it."""
    assert not problems(f"\ufeff{MINIMAL}")


@pytest.mark.parametrize("line", ['"a\\nb": 1', '"a\\u2028b": 1', 'egress: "a\\u2028b"', 'egress: "a\\nb"'])
def test_a_message_is_one_line(line: str) -> None:
    """Whatever a file holds, a problem stays on its line, so that `FILE:LINE:COLUMN` can be followed."""
    (said,) = problems(f"{MINIMAL}{line}\n")
    assert [said] == said.splitlines()
    assert "a\\" in said
