"""The two documents of 2015: as printed, as JSON, and as anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.core.model import Addressee, Blank, Event, EventSource, EventStatus, Unreadable
from drainer.core.naming import names_vm
from drainer.sources.legacy_documents import (
    REBOOT_ID,
    InstanceInfo,
    parse_instance_info,
    parse_maintenance,
)
from tests.unit.sources.pace import unhurried

SEED = Path(__file__).parents[2] / "golden" / "seed"


def info(text: str | bytes) -> InstanceInfo:
    outcome = parse_instance_info(text if isinstance(text, bytes) else text.encode())
    assert isinstance(outcome, InstanceInfo), outcome
    return outcome


def pending(text: str | bytes) -> bool:
    return info(text).events != ()


def unreadable(outcome: object) -> str:
    assert isinstance(outcome, Unreadable)
    assert outcome.reason
    return outcome.kind


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_printed_texts(ending: bytes) -> None:
    """Byte for byte: the first text of 2015 is "nothing", the second is "reboot pending"."""
    idle, about = (SEED / name for name in ("idle.txt", "about-to-reboot.txt"))
    assert info(idle.read_bytes() + ending).events == ()
    assert info(about.read_bytes() + ending).events == (
        Event(
            id=REBOOT_ID,
            type="Reboot",
            status=EventStatus.UNSTATED,
            not_before=Blank(),
            resources=Addressee.READER,
            source=EventSource.UNSTATED,
        ),
    )
    assert {info(path.read_bytes()).name for path in (idle, about)} == {"myInstanceVM1"}


def test_the_notice_names_its_reader() -> None:
    """The service of 2015 speaks of its reader alone, whatever the reader's name is."""
    (event,) = info('{"ID":"_azdev","UD":"0","FD":"99","Reboot":""}').events
    assert names_vm(event, "anything")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"ID":"_azdev","UD":"0","FD":"99"}', "azdev"),
        ('{"InstanceID":"vm1","UD":"0","FD":"0"}', "vm1"),
        ('{"ID":" vm1 "}', "vm1"),
        ("{“ID”:“vm1”}", "vm1"),
    ],
)
def test_names(text: str, name: str) -> None:
    """The ID is the name, its leading underscore dropped."""
    assert name == info(text).name


@pytest.mark.parametrize("value", ['""', '"soon"', "true", "null", "1", "0", "{}", '{"at": 5}', "[]", "”x”"])
def test_any_value_behind_reboot(value: str) -> None:
    """What stands behind Reboot was never documented: the member is the marker."""
    assert pending(f'{{"ID":"vm1","UD":"0","FD":"0","Reboot":{value}}}')


def test_a_plain_false_says_no() -> None:
    """`false` is the one value that cannot mean a reboot."""
    assert not pending('{"ID":"vm1","UD":"0","FD":"0","Reboot":false}')


@pytest.mark.parametrize(
    "text",
    [
        '{"ID":"vm1","Reboot"}',
        '{"Reboot","ID":"vm1"}',
        '{ "ID" : "vm1" , "reboot" }',
        "{“ID”:”vm1”,“Reboot”}",
        "{“ID”:”vm1”,”Reboot”:””}",
    ],
)
def test_a_bare_reboot(text: str) -> None:
    """The bare member is the marker wherever it stands among the members."""
    assert pending(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"ID":"reboot","UD":"0","FD":"0"}',
        '{"ID":"vm-Reboot-1","UD":"Reboot","FD":"0"}',
        '{"ID":"vm1","UD":"0","FD":"0","LastReboot":"9/15/2015"}',
        '{"ID":"vm1","UD":"0","FD":"0","Note":{"Reboot":true}}',
        '{"ID":"vm1","UD":"0","FD":"0","Note":["Reboot"]}',
        '{"ID":"vm \\",\\"Reboot\\"","UD":"0"}',
        '{"ID":"vm “Reboot” 1","UD":"0"}',
        '{“ID":"vm “Reboot” 1","UD":"0"}',
        '{“ID”:“,Reboot,”,"UD":"0"}',
    ],
)
def test_the_word_alone_does_not_fire(text: str) -> None:
    """A reboot in a name, a value or another member is a word, not a notice."""
    assert not pending(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("empty", ""),
        ("wrong-shape", "{}"),
        ("wrong-shape", "[]"),
        ("wrong-shape", '{"UD":"0","FD":"0"}'),
        ("wrong-shape", '{"ID":"","UD":"0","FD":"0"}'),
        ("wrong-shape", '{"ID":5,"UD":"0","FD":"0"}'),
        ("wrong-shape", '{"ID":"vm1","UD":0,"FD":"0"}'),
        ("wrong-shape", '{"ID":"vm1","Rebooting"}'),
        ("wrong-shape", '{"ID"}'),
        ("wrong-shape", "{“”}"),
        ("not-json", "<html>Reboot</html>"),
        ("not-json", "Reboot"),
        ("not-json", '{"ID":"vm1","Reboot"'),
        ("not-json", '{"ID":"vm1","Reboot",}'),
        ("not-json", '{"ID":"vm1",,"Reboot"}'),
        ("not-json", '{"ID":"vm1" "Reboot"}'),
        ("not-json", '{"ID":"vm1","Reboot"} x'),
        ("not-json", '{"ID":"vm1","Reboot","Reboot"}'),
        ("not-json", '{"ID":"vm1","ID":"vm2"}'),
        ("not-json", '{"ID":vm1,"Reboot"}'),
        ("not-json", "{ID:vm1,Reboot}"),
        ("not-json", "{'ID':'vm1','Reboot'}"),
        ("not-json", "{“ID"),
        ("not-json", "{“ID”:“vm1}"),
        ("not-json", "{“ID\n”:“vm1”}"),
        ("not-json", '{“ID”:"vm1'),
        ("not-json", "{“ID”:"),
        ("not-json", "{“ID”:“a\\”,“Reboot”}"),
        ("not-json", '{“ID”:"half \\ud800"}'),
    ],
)
def test_instance_info_is_strict_otherwise(kind: str, text: str) -> None:
    """Beyond what was printed in 2015 nothing is forgiven: unreadable, never "nothing", never a notice."""
    assert kind == unreadable(parse_instance_info(text.encode()))


def test_maintenance_documents() -> None:
    """`{}` is nothing; an EventID is a reboot, and its creation time is no NotBefore."""
    assert parse_maintenance(b"{}") == ()
    text = r'{"EventID":"A1B2","EventCreationTime":"9\/15\/2015 6:42:51 AM"}'
    assert parse_maintenance(text.encode()) == (
        Event(
            id="A1B2",
            type="Reboot",
            status=EventStatus.UNSTATED,
            not_before=Blank(),
            resources=Addressee.READER,
            source=EventSource.UNSTATED,
        ),
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("empty", ""),
        ("not-json", "{"),
        ("not-json", "{“EventID”:“A1B2”}"),
        ("not-json", "EventID"),
        ("wrong-shape", "[]"),
        ("wrong-shape", "null"),
        ("wrong-shape", '{"EventID":""}'),
        ("wrong-shape", '{"EventID":null}'),
        ("wrong-shape", '{"EventCreationTime":"9/15/2015 6:42:51 AM"}'),
        ("wrong-shape", '{"ID":"vm1","UD":"0","FD":"0"}'),
    ],
)
def test_maintenance_is_strict(kind: str, text: str) -> None:
    """Anything but `{}` and a text EventID is unreadable."""
    assert kind == unreadable(parse_maintenance(text.encode()))


@unhurried
@given(st.text(alphabet='{}“”":,Reboot\\ID 0tx', max_size=40) | st.text())
def test_any_text(text: str) -> None:
    """No text raises; without a member Reboot somewhere there is no notice."""
    outcome = parse_instance_info(text.encode("utf-8", "replace"))
    if isinstance(outcome, InstanceInfo) and outcome.events:
        assert "reboot" in text.casefold()


@unhurried
@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    """No bytes raise, in either document."""
    assert isinstance(parse_instance_info(body), (InstanceInfo, Unreadable))
    assert body.strip() == b"{}" or isinstance(parse_maintenance(body), Unreadable)


MEMBER_NAMES = st.text(min_size=1).filter(lambda name: name.casefold() not in ("reboot", "id", "ud", "fd"))


@unhurried
@given(st.dictionaries(MEMBER_NAMES, st.text() | st.lists(st.text()) | st.none()), st.text(min_size=1))
def test_other_members_never_fire(members: dict[str, Any], word: str) -> None:
    """Whatever other members hold, only a member Reboot is a notice."""
    document = {**members, "ID": "vm1", "UD": "Reboot", "FD": word}
    assert not pending(json.dumps(document))
    assert pending(json.dumps({**document, "Reboot": word}))
