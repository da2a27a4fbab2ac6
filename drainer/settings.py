"""The settings of one process: a flag, else its variable, else a default.

Every flag `--some-name` has a variable `DRAINER_SOME_NAME`; an empty variable counts as unset. The policy
file holds none of these, and nothing here holds policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from drainer.core.model import SourceKind
from drainer.machine import THIS

DEFAULT_POLICY = THIS.policy
"""Where a policy is looked for when none is named; missing there, the built-in one holds."""

LONGEST_NAME = 256


class SettingInvalid(ValueError):
    """A flag or a variable says something that cannot be meant. Exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. `str` writes it as it is given, IPv6 in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`source` None: found out. `vm_name` "": as the platform says. `local` None: no local endpoint.

    `policy_named` False: `policy` is the default, and the built-in one holds where that file is missing.
    `management_ca` "": the usual authorities. `identity` "": the system-assigned one, "az":
    whoever is logged in with the command line, else a client id.
    """

    metadata_url: str = "http://169.254.169.254"
    source: SourceKind | None = None
    vm_name: str = ""
    policy: Path = DEFAULT_POLICY
    policy_named: bool = False
    state: Path = THIS.state
    socket: Path = THIS.socket
    control_group: str = ""
    local: Address | None = Address(host="127.0.0.1", port=9181)
    dry_run: bool = False
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")
    management_url: str = "https://management.azure.com"
    management_ca: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One setting as it is given. `metavar` "": a switch, without a value on the command line.

    `read` raises ValueError("expected …, got …").
    """

    name: str
    metavar: str
    read: Callable[[str], Any]
    help: str

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return f"DRAINER_{self.name.upper().replace('-', '_')}"

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")


# --- reading one value ----------------------------------------------------------------------------


def _url(text: str) -> str:
    from drainer.transport.http import BaseUrl

    BaseUrl.parse(text)
    return text


def _https(text: str) -> str:
    from urllib.parse import urlsplit

    expected = f"expected https://HOST[:PORT], got {text!r}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    extras = parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/")
    if parts.scheme != "https" or not parts.hostname or extras or port == 0 or not text.isascii():
        raise ValueError(expected)
    return text.rstrip("/")


def _source(text: str) -> SourceKind:
    try:
        return SourceKind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in SourceKind)
        raise ValueError(f"expected one of {known}, got {text!r}") from None


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_NAME:
        raise ValueError(f"expected a name of 1 to {LONGEST_NAME} printable characters, got {text[:40]!r}")
    return text.strip()


def _path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise ValueError(f"expected a path, got {text!r}")
    return Path(text)


def address(text: str) -> Address:
    """ADDRESS:PORT. Raises ValueError("expected …, got …")."""
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not bare or not digits or int(port) > 65535 or (":" in bare) is not bracketed:
        raise ValueError(f"expected ADDRESS:PORT (IPv6 in brackets), got {text!r}")
    return Address(host=bare, port=int(port))


def _local(text: str) -> Address | None:
    if text == "off":
        return None
    try:
        return address(text)
    except ValueError:
        raise ValueError(f"expected ADDRESS:PORT (IPv6 in brackets) or off, got {text!r}") from None


def switch(text: str) -> bool:
    """Yes or no, as variables spell it."""
    match text.strip().casefold():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError(f"expected 1 or 0, got {text!r}")


FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        flag.name: flag
        for flag in (
            Flag(
                name="metadata-url",
                metavar="BASE",
                read=_url,
                help="the metadata service (default http://169.254.169.254)",
            ),
            Flag(
                name="source",
                metavar="SOURCE",
                read=_source,
                help="scheduled-events, maintenance or instance-info (default: found out at first contact)",
            ),
            Flag(
                name="vm-name",
                metavar="NAME",
                read=_name,
                help="this VM's name (default: from the instance document, with which it must agree)",
            ),
            Flag(
                name="policy",
                metavar="FILE",
                read=_path,
                help=f"the policy (default {DEFAULT_POLICY}; missing there, the built-in mask-reboots)",
            ),
            Flag(
                name="state",
                metavar="DIR",
                read=_path,
                help=f"where the journal lies (default {THIS.state})",
            ),
            Flag(
                name="socket",
                metavar="PATH",
                read=_path,
                help=f"the control socket (default {THIS.socket})",
            ),
            Flag(
                name="control-group",
                metavar="GROUP",
                read=_name,
                help="a group whose members may use the socket too (default: root and the daemon's user)",
            ),
            Flag(
                name="local",
                metavar="ADDR:PORT|off",
                read=_local,
                help="the local endpoint: /metrics, /healthz, /status (default 127.0.0.1:9181)",
            ),
            Flag(name="dry-run", metavar="", read=switch, help="change nothing: say what would be done"),
            Flag(
                name="boot-id",
                metavar="PATH",
                read=_path,
                help="the file that tells one boot from the next (default the kernel's)",
            ),
            Flag(
                name="management-url",
                metavar="URL",
                read=_https,
                help="Azure's management API (default https://management.azure.com)",
            ),
            Flag(
                name="management-ca",
                metavar="FILE",
                read=lambda text: str(_path(text)),
                help="certificates that the management API is checked against (default: the usual ones)",
            ),
            Flag(
                name="identity",
                metavar="CLIENT-ID",
                read=_name,
                help="the user-assigned identity, or az: who is logged in (default: the system-assigned one)",
            ),
        )
    }
)


def resolve(given: Mapping[str, str | bool | None], environ: Mapping[str, str]) -> Settings:
    """Settings from flags by field name (None or absent: not given) over variables over defaults.

    Raises SettingInvalid naming the flag or the variable.
    """
    chosen: dict[str, Any] = {}
    for flag in FLAGS.values():
        stated = value_of(flag, given.get(flag.field), environ)
        if stated is not None:
            chosen[flag.field] = stated[0]
    chosen["policy_named"] = "policy" in chosen
    return Settings(**chosen)


def value_of(flag: Flag, given: str | bool | None, environ: Mapping[str, str]) -> tuple[Any] | None:
    """The value that was given, in a tuple, since a value may be None; None: neither flag nor variable."""
    if isinstance(given, bool):
        return (given,)
    if given is not None:
        return (_read(flag, flag.option, given),)
    text = environ.get(flag.variable, "")
    return (_read(flag, flag.variable, text),) if text else None


def _read(flag: Flag, called: str, text: str) -> Any:
    try:
        return flag.read(text)
    except ValueError as error:
        raise SettingInvalid(f"{called}: {error}") from None
