"""Each booted VM has a control group of its own: systemds that share one remove each other's groups."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import cgroup


@pytest.fixture
def groups() -> Iterator[tuple[Path, ...]]:
    try:
        made = cgroup.make(f"drainer-test-{os.getpid()}")
    except OSError as error:
        pytest.skip(f"control groups need root: {error}")
    if not made:
        pytest.skip("this kernel has no control groups that systemd uses")
    yield made
    cgroup.remove(made)


def membership(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_command_runs_in_its_own_group_and_in_no_other(groups: tuple[Path, ...]) -> None:
    name = groups[0].name
    assert name in membership(cgroup.inside(groups, ["cat", "/proc/self/cgroup"]))
    assert name not in membership(["cat", "/proc/self/cgroup"])


def test_an_argument_with_spaces_and_quotes_arrives_whole(groups: tuple[Path, ...]) -> None:
    assert membership(cgroup.inside(groups, ["printf", "%s", 'it\'s "one" $word'])) == 'it\'s "one" $word'


def test_what_was_left_below_goes_too(groups: tuple[Path, ...]) -> None:
    for group in groups:
        (group / "payload" / "system.slice").mkdir(parents=True)
    cgroup.remove(groups)
    assert not any(group.exists() for group in groups)
