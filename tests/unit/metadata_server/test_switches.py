"""The switches: each is found by name, takes its values and nothing else."""

from datetime import timedelta

import pytest

from metadata_server.errors import BadInput, Unknown
from metadata_server.switches import Switches, about, choices, names


@pytest.mark.parametrize("name", names())
def test_every_switch_says_what_it_decides(name: str) -> None:
    """A switch has a line of explanation, and its default is one of the values it takes."""
    switches = Switches()
    assert about(name)
    assert choices(name)
    assert switches.changed(name, switches.shown(name)) == switches


def test_switches_change_one_at_a_time() -> None:
    """Setting a switch leaves the others, and the original, as they were."""
    switches = Switches()
    changed = (
        switches.changed("ack-unknown", "200").changed("approval-delay", "2m").changed("off-after", "24h")
    )
    assert (changed.ack_unknown, changed.approval_delay, changed.off_after) == (
        "200",
        timedelta(minutes=2),
        timedelta(days=1),
    )
    assert (changed.shown("approval-delay"), changed.shown("off-after")) == ("2m", "1d")
    assert changed.changed("off-after", "never").off_after is None
    assert switches == Switches()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("v1", "sed", "seed or json"),
        ("approval-delay", "soon", "a duration such as"),
        ("approval-delay", "never", "a duration such as"),
        ("off-after", "soon", "or never"),
    ],
)
def test_other_values_are_refused(name: str, value: str, expected: str) -> None:
    """A value that a switch does not take is refused with those it takes."""
    with pytest.raises(BadInput, match=expected):
        Switches().changed(name, value)


def test_a_name_is_written_either_way() -> None:
    """Dashes and underscores mean the same, on the command line and in a file of facts."""
    assert Switches().changed("if_match", "ignored") == Switches().changed("if-match", "ignored")


@pytest.mark.parametrize("name", ["", "V1", "nothing"])
def test_other_names_are_refused(name: str) -> None:
    """Any other name is refused with those that there are."""
    with pytest.raises(Unknown, match="ack-unknown"):
        Switches().changed(name, "200")
