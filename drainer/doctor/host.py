"""What this machine itself must offer: a directory that lasts, an application that listens, compiled code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from tempfile import TemporaryFile

from drainer.azure.outbound import member
from drainer.connections import TABLES
from drainer.doctor.check import Check, passed, refused, skipped, warned
from drainer.doctor.subject import BY_GATEWAY, BY_INTERFACE, Subject
from drainer.management import Json

MARKING = frozenset({BY_INTERFACE, BY_GATEWAY})
"""Layers whose owner mark brings back what a lost state directory knew."""

SHORT_LIVED = frozenset({"tmpfs", "ramfs", "overlay"})
LISTENS = "0A"
CODE = ("drainer", "azure.identity", "azure.mgmt.network")


def state(subject: Subject, vm: Json | None, *, mounts: Path = Path("/proc/mounts")) -> Iterator[Check]:
    """What is written before the world is touched must still be there after a redeploy."""
    directory = subject.settings.state
    existing = next((each for each in (directory, *directory.absolute().parents) if each.exists()), Path("/"))
    try:
        with TemporaryFile(dir=existing):
            pass
    except OSError as error:
        told = f"{existing} cannot be written: {error.strerror}"
        yield refused("state-directory", told, cure=f"give drainer {directory}")
        return
    fleeting = _fleeting(existing, vm, mounts)
    if not fleeting:
        yield passed("state-directory", f"{directory} can be written")
    elif any(layer.name in MARKING for layer in subject.azure_layers):
        yield passed("state-directory", f"{fleeting}; a lost journal comes back from the owner mark")
    else:
        yield warned(
            "state-directory",
            f"{fleeting}: a redeploy loses the journal, and no layer leaves an owner mark",
            cure="put --state on a managed disk, or add azure-nic-pool, which leaves a mark",
        )


def _fleeting(directory: Path, vm: Json | None, mounts: Path) -> str:
    """Why what is written there may be lost; "" where nothing speaks for it."""
    mount, kind = _mount(directory.resolve(), mounts)
    if kind in SHORT_LIVED:
        return f"{directory} lies on a {kind}"
    if mount in ("/mnt", "/mnt/resource"):
        return f"{directory} lies on the temporary disk"
    disk = ((member(vm, "storageProfile") or {}).get("osDisk") or {}).get("diffDiskSettings")
    return f"{directory} lies on an ephemeral OS disk" if disk and mount == "/" else ""


def _mount(directory: Path, mounts: Path) -> tuple[str, str]:
    """(mount point, file system) of a path; ("", "") where the table cannot be read."""
    try:
        rows = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return "", ""
    holding = [(row[1], row[2]) for row in rows if len(row) > 2 and directory.is_relative_to(row[1])]
    return max(reversed(holding), key=lambda each: len(each[0]), default=("", ""))  # the last one covers


def ports(wanted: Iterable[int], *, tables: Iterable[Path] = TABLES) -> Iterator[Check]:
    """Something listens on each service port: where nothing does, no drain can be proven."""
    named = tuple(wanted)
    listening = frozenset(_listening(tables))
    silent = [str(port) for port in named if port not in listening]
    if not named:
        yield skipped("service-ports", "the policy names none")
    elif silent:
        yield warned(
            "service-ports",
            f"nothing listens on {', '.join(silent)}: no drain is proven there",
            cure="start the application, or correct service_ports",
        )
    else:
        yield passed("service-ports", f"listening on {', '.join(map(str, named))}")


def _listening(tables: Iterable[Path]) -> Iterator[int]:
    for table in tables:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 3 and fields[3] == LISTENS:
                yield int(fields[1].rpartition(":")[2], 16)


def bytecode(*, wanted: Iterable[str] = CODE) -> Iterator[Check]:
    """The packages are compiled: else each start of a child compiles them anew, in the time of a drain."""
    uncompiled = [name for name in wanted if not _compiled(name)]
    if uncompiled:
        cure = f"as the owner of the packages: {sys.executable} -m compileall -q {Path(__file__).parents[2]}"
        yield warned("bytecode", f"not compiled, or not installed: {', '.join(uncompiled)}", cure=cure)
        return
    yield passed("bytecode", "drainer and Azure's packages are compiled")


def _compiled(name: str) -> bool:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return False
    if spec is None or spec.origin is None:
        return False
    return Path(cache_from_source(spec.origin)).exists()


def environment(environ: Mapping[str, str]) -> Iterator[Check]:
    """A proxy for HTTPS is used by the child that asks the management API: worth saying."""
    named = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    if named:
        yield passed(
            "proxy", "the management API is asked through HTTPS_PROXY, the metadata service never is"
        )
