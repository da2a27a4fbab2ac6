"""Secrets are planted around a real daemon; they are searched for once it was out and is back."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

from metadata_server.tokens import principal_of
from tests.azure import AzureStand, azure
from tests.until import until

PLANTED = "planted-Zq7-secret"
ENVIRONMENT = {"DATABASE_PASSWORD": PLANTED, "AUTHORIZATION": f"Bearer {PLANTED}"}
HOOK = 'env; tr "\\\\0" "\\\\n" < /proc/self/cmdline'
HOOKS = f"""\
hooks:
  - {{stage: before-cordon, command: [/bin/sh, -c, '{HOOK}'], timeout: 10s}}
  - {{stage: drained, command: [/bin/sh, -c, '{HOOK}; exit 3'], timeout: 10s}}
"""


def descendants(pid: int) -> list[int]:
    """Processes that this one started and that live, and theirs."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid:
            found += [int(entry.name), *descendants(int(entry.name))]
    return found


def read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def token_head(stand: AzureStand) -> str:
    """What every token of this platform begins with."""
    return stand.platform.token(principal_of(stand.vm)).partition(".")[0] + "."


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def answers(stand: AzureStand, local: str) -> dict[str, str]:
    """Everything that the living daemon tells to those who ask."""
    one = stand.sidecar
    told = {verb: one.told(verb, "--json").stdout for verb in ("status", "history")}
    told["status of the socket"] = json.dumps(one.status())
    for path in ("/metrics", "/status", "/healthz"):
        with urllib.request.urlopen(f"http://{local}{path}", timeout=10) as answer:
            told[path] = answer.read().decode()
    assert all(told.values()), told
    return told


def test_no_secret_leaves_the_daemon(tmp_path: Path) -> None:
    """Neither the identity's token nor a secret of the daemon's environment is in log, journal, state,
    answers, metrics, arguments, or the environment of child and hooks."""
    with azure(tmp_path) as stand:
        one, head, local = stand.sidecar, token_head(stand), free_address()
        one.add_policy(HOOKS)
        stand.fault("500", method="PUT", every=2, times=1)
        one.start(
            *("--management-url", stand.platform.management_url),
            *("--management-ca", stand.platform.authority, "--local", local),
            environment=ENVIRONMENT,
        )
        one.until_said("daemon.started")
        assert one.process is not None
        daemon = one.process.pid
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done")
        until(lambda: descendants(daemon), "the child")
        said = answers(stand, local)
        for pid in descendants(daemon):
            said[f"environment of {pid}"] = read(Path(f"/proc/{pid}/environ"))
        for pid in (daemon, *descendants(daemon)):
            said[f"arguments of {pid}"] = read(Path(f"/proc/{pid}/cmdline"))
        stand.complete(event)
        one.until_said("restore.done", times=2)
        said |= {f"{verb} after": text for verb, text in answers(stand, local).items()}
        said |= {str(path): read(path) for path in one.state.rglob("*") if path.is_file()}
        said |= {str(path): read(path) for path in (one.log, one.marker)}
        assert PLANTED in read(Path(f"/proc/{daemon}/environ")), "it was planted"
        assert "DRAINER_STAGE=" in said[str(one.log)], "the hook's environment is in the log"
        assert stand.asked("PUT"), "a token was used"
        found = [name for name, text in said.items() if PLANTED in text or head in text or "Bearer " in text]
        assert found == []
