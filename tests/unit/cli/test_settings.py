"""Settings: flag over variable over default, and every fault named."""

from __future__ import annotations

from pathlib import Path

import pytest

from drainer.core.model import SourceKind
from drainer.settings import (
    DEFAULT_POLICY,
    FLAGS,
    Address,
    SettingInvalid,
    Settings,
    address,
    resolve,
    switch,
)

GOOD = {
    "metadata-url": ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
    "source": ("instance-info", SourceKind.INSTANCE_INFO),
    "vm-name": (" web-1 ", "web-1"),
    "policy": ("/p", Path("/p")),
    "state": ("/s", Path("/s")),
    "socket": ("/c", Path("/c")),
    "control-group": ("ops", "ops"),
    "local": ("[::1]:80", Address(host="::1", port=80)),
    "dry-run": ("yes", True),
    "boot-id": ("/b", Path("/b")),
    "management-url": ("https://arm.example:8443/", "https://arm.example:8443"),
    "management-ca": ("/ca.pem", "/ca.pem"),
    "identity": ("0f0f", "0f0f"),
}


def test_defaults_are_the_documented_ones() -> None:
    """Without flags and variables every setting has its default, and the policy is not a named one."""
    assert resolve({}, {}) == Settings()
    assert (Settings().policy, Settings().policy_named) == (DEFAULT_POLICY, False)
    assert str(Settings().local) == "127.0.0.1:9181"


@pytest.mark.parametrize("name", FLAGS)
def test_a_variable_sets_what_its_flag_sets(name: str) -> None:
    """Every flag has a variable DRAINER_<FLAG> that means the same; an empty one is unset."""
    flag, (text, meant) = FLAGS[name], GOOD[name]
    assert flag.variable == f"DRAINER_{name.upper().replace('-', '_')}"
    assert getattr(resolve({flag.field: text}, {}), flag.field) == meant
    assert getattr(resolve({}, {flag.variable: text}), flag.field) == meant
    assert resolve({}, {flag.variable: ""}) == Settings()


def test_a_flag_goes_over_its_variable() -> None:
    """Where both are given the flag holds, and the variable is not even read."""
    chosen = resolve({"vm_name": "a", "dry_run": True}, {"DRAINER_VM_NAME": "b", "DRAINER_DRY_RUN": "what?"})
    assert (chosen.vm_name, chosen.dry_run) == ("a", True)
    assert resolve({"dry_run": None}, {"DRAINER_DRY_RUN": "0"}).dry_run is False


def test_a_named_policy_is_known_as_named() -> None:
    """A policy that is named, be it by its default path, must exist; so it is marked."""
    assert resolve({"policy": str(DEFAULT_POLICY)}, {}).policy_named
    assert resolve({}, {"DRAINER_POLICY": "/p"}).policy_named


def test_off_means_no_local_endpoint() -> None:
    """`--local off` is no endpoint at all."""
    assert resolve({"local": "off"}, {}).local is None


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("metadata-url", "https://x", "expected http://HOST[:PORT], got 'https://x'"),
        ("source", "imds", "expected one of scheduled-events, maintenance, instance-info, got 'imds'"),
        ("vm-name", " ", "expected a name of 1 to 256 printable characters, got ' '"),
        ("vm-name", "a\nb", "expected a name of 1 to 256 printable characters, got 'a\\nb'"),
        ("state", " ", "expected a path, got ' '"),
        ("local", "9181", "expected ADDRESS:PORT (IPv6 in brackets) or off, got '9181'"),
        ("dry-run", "maybe", "expected 1 or 0, got 'maybe'"),
    ],
)
def test_a_fault_names_the_flag_or_the_variable(name: str, text: str, expected: str) -> None:
    """A value that cannot be meant is refused by the name it was given under: expected, got."""
    flag = FLAGS[name]
    with pytest.raises(SettingInvalid) as raised:
        resolve({flag.field: text}, {})
    assert str(raised.value) == f"{flag.option}: {expected}"
    with pytest.raises(SettingInvalid) as raised:
        resolve({}, {flag.variable: text})
    assert str(raised.value) == f"{flag.variable}: {expected}"


@pytest.mark.parametrize("text", ["::1:80", "[::1]", "[]:80", ":80", "h:", "h:65536", "h:x", "h:٣", "[h]:1"])
def test_addresses_are_strict(text: str) -> None:
    """An address is HOST:PORT, and only IPv6 stands in brackets."""
    with pytest.raises(ValueError, match="expected ADDRESS:PORT"):
        address(text)


def test_switches_read_what_people_write() -> None:
    """Variables of switches say yes and no in the usual words."""
    assert [switch(word) for word in ("1", "True", "YES", "on")] == [True] * 4
    assert [switch(word) for word in ("0", "false", "No", "OFF")] == [False] * 4


@pytest.mark.parametrize(
    "text",
    [
        "http://arm.example",
        "https://",
        "https://a/b",
        "https://u:p@a",
        "https://a?x=1",
        "https://a:99999",
        "é",
    ],
)
def test_the_management_api_is_reached_by_https_alone(text: str) -> None:
    """Anything but an https origin is refused by name: a token would go there."""
    with pytest.raises(SettingInvalid, match="--management-url: expected https://HOST"):
        resolve({"management_url": text}, {})
