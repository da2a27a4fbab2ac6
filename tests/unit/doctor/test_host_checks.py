"""What this machine offers, and what the metadata service says, as findings."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.core.model import Document, Instant, SourceKind, Unreadable, Vm
from drainer.core.policy import BackendChoice, Policy, Rule
from drainer.doctor import host, platform
from drainer.doctor.check import Check, Verdict, exit_code, passed, refused, skipped, warned
from drainer.doctor.report import as_object, lines
from drainer.doctor.subject import Subject
from drainer.settings import Settings
from tests.unit.cli.served import metadata
from tests.world import START

TOKEN = "/metadata/identity/oauth2/token"
EPHEMERAL = {"properties": {"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}}}


def test_a_state_directory_on_a_disk_that_stays(tmp_path: Path) -> None:
    """A directory that can be written on an ordinary disk passes."""
    assert only(host.state(subject(tmp_path), None, mounts=mounts(tmp_path, "/", "ext4"))) is Verdict.PASS


@pytest.mark.parametrize(("kind", "mount"), [("tmpfs", "/"), ("overlay", "/"), ("ext4", "/mnt")])
def test_a_state_directory_that_goes_with_a_redeploy(tmp_path: Path, kind: str, mount: str) -> None:
    """Memory and the temporary disk are warned of, unless a layer leaves an owner mark."""
    table = mounts(tmp_path, mount, kind)
    state = Path(mount) if mount != "/" else tmp_path
    assert only(host.state(subject(state, layers=()), None, mounts=table)) is Verdict.WARN
    assert only(host.state(subject(state), None, mounts=table)) is Verdict.PASS


def test_an_ephemeral_os_disk_is_warned_of(tmp_path: Path) -> None:
    """The VM's own document tells that its OS disk does not outlast a redeploy."""
    table = mounts(tmp_path, "/", "ext4")
    assert only(host.state(subject(tmp_path, layers=()), EPHEMERAL, mounts=table)) is Verdict.WARN


def test_an_unreadable_table_of_mounts_says_nothing(tmp_path: Path) -> None:
    """Where the table cannot be read nothing speaks against the directory."""
    assert only(host.state(subject(tmp_path), None, mounts=tmp_path / "none")) is Verdict.PASS


def test_a_state_directory_that_cannot_be_written() -> None:
    """A place where nothing can be written is refused."""
    assert only(host.state(subject(Path("/proc/drainer")), None)) is Verdict.REFUSED


def test_service_ports() -> None:
    """A port passes while something listens on it, and warns when nothing does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert only(host.ports((port,))) is Verdict.PASS
    assert only(host.ports((port,))) is Verdict.WARN
    assert only(host.ports(())) is Verdict.SKIPPED
    assert only(host.ports((80,), tables=(Path("/none"),))) is Verdict.WARN


def test_bytecode() -> None:
    """Compiled packages pass; one that is missing, or has no file, warns with the command."""
    assert only(host.bytecode(wanted=("json",))) is Verdict.PASS
    found = next(host.bytecode(wanted=("no.such.package", "sys")))
    assert found.verdict is Verdict.WARN
    assert "compileall" in found.cure


def test_a_proxy_is_told() -> None:
    """A proxy for HTTPS is worth a line, none is not."""
    assert only(host.environment({"HTTPS_PROXY": "http://proxy"})) is Verdict.PASS
    assert list(host.environment({})) == []


@pytest.mark.parametrize(
    ("skew", "verdict"),
    [(None, Verdict.SKIPPED), (timedelta(seconds=-1), Verdict.PASS), (timedelta(seconds=-9), Verdict.WARN)],
)
def test_the_clock(skew: timedelta | None, verdict: Verdict) -> None:
    """Two seconds either way are well; more warns; no Date header says nothing."""
    now = Instant(wall=START, monotonic_s=1.0, boot="b")
    vm = Vm(name="vm1")
    document = Document(source=SourceKind.SCHEDULED_EVENTS, vm=vm, events=(), read_at=now, skew=skew)
    assert only(platform.clock(document)) is verdict
    assert only(platform.notices(document)) is Verdict.PASS


def test_a_silent_metadata_service_is_refused() -> None:
    """No document: refused, and the clock says nothing."""
    silent = Unreadable(kind="refused", reason="nobody there")
    assert only(platform.notices(silent)) is Verdict.REFUSED
    assert only(platform.clock(silent)) is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("body", "verdict"),
    [({"access_token": "secret"}, Verdict.PASS), ({"error": "invalid_request"}, Verdict.REFUSED)],
)
def test_the_identity(tmp_path: Path, body: dict[str, str], verdict: Verdict) -> None:
    """A token passes, and is not shown; an answer without one is refused."""
    with metadata({TOKEN: json.dumps(body).encode()}) as url:
        found = next(platform.identity(subject(tmp_path, url=url)))
    assert found.verdict is verdict
    assert "secret" not in str(found)


def test_no_identity(tmp_path: Path) -> None:
    """Refused where nothing answers or something odd does; skipped where no layer needs one."""
    with metadata({TOKEN: b"[]"}) as url:
        assert only(platform.identity(subject(tmp_path, url=url, identity="abc"))) is Verdict.REFUSED
    assert only(platform.identity(subject(tmp_path, url=url))) is Verdict.REFUSED
    assert only(platform.identity(subject(tmp_path, layers=()))) is Verdict.SKIPPED


def test_the_login_of_the_command_line_is_no_identity_of_this_vm(tmp_path: Path) -> None:
    """With `--identity az` the metadata service knows nothing of it, and is not asked."""
    with metadata({TOKEN: b'{"error": "invalid_request"}'}) as url:
        assert only(platform.identity(subject(tmp_path, url=url, identity="az"))) is Verdict.SKIPPED


def test_what_findings_come_to() -> None:
    """One refusal makes 1, else one warning 3, else 0; both shapes of the report say the same."""
    well, odd = passed("a", "seen"), warned("bb", "odd", cure="mend it")
    bad, left = refused("c", "bad", cure="cure"), skipped("d", "not here")
    assert [exit_code(each) for each in ((well, left), (well, odd), (odd, bad))] == [0, 3, 1]
    assert as_object((well, odd)) == {
        "schema": 1,
        "outcome": "warn",
        "checks": [
            {"name": "a", "verdict": "pass", "reason": "seen", "cure": None},
            {"name": "bb", "verdict": "warn", "reason": "odd", "cure": "mend it"},
        ],
    }
    assert list(lines((well, odd, bad, left))) == [
        "ok       a   seen",
        "warn     bb  odd",
        "             -> mend it",
        "REFUSED  c   bad",
        "             -> cure",
        "skipped  d   not here",
        "",
        "1 ok, 1 warn, 1 REFUSED, 1 skipped",
    ]


def only(found: Iterable[Check]) -> Verdict:
    """The verdict of the one check that there is."""
    (check,) = found
    return check.verdict


def mounts(directory: Path, mount: str, kind: str) -> Path:
    table = directory / "mounts"
    table.write_text(f"none / ext4 rw 0 0\nnone {mount} {kind} rw 0 0\nodd\n")
    return table


def subject(
    state: Path,
    *,
    layers: tuple[str, ...] = ("azure-nic-pool",),
    url: str = "http://127.0.0.1:9",
    identity: str = "",
) -> Subject:
    chosen = tuple(BackendChoice(name=name, options=None) for name in layers)
    return Subject(
        settings=Settings(state=state, metadata_url=url, identity=identity),
        policy=Policy(rules=(Rule(),), backend=chosen),
        quiet=True,
    )
