"""Doing nothing equals life without the tool: a daemon that is killed, stopped or refused changes no answer.

Every balancer is asked all along, in rotation and out of it. The `fake` backend is left out: it lives in the
memory of the daemon, so nothing of it outlives one, and no prober can ask it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
import requests

from tests.contract.application import answering, free_port
from tests.e2e.haproxy.proxy import Server, running
from tests.sidecar import DRAINER, Sidecar, Stand, standing
from tests.until import until

SHORT_S = 0.6
LONG_S = 60.0
ASKED_EVERY_S = 0.02

IN, OUT = "in", "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A VM with its daemon, and what its balancer is answered: `IN`, `OUT`, or something that is wrong."""

    stand: Stand
    answer: Callable[[], str]

    @property
    def sidecar(self) -> Sidecar:
        return self.stand.sidecar


@contextmanager
def probed(root: Path, command: Sequence[str], address: str, *, backend: str = "") -> Iterator[Site]:
    """Somebody answers a prober at /ready, in a process of his own."""
    with requests.Session() as http, open(root / "probed.log", "ab") as log:
        http.trust_env = False
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://{address}/ready"
            until(lambda: _answers(http, url), f"an answer from {url}")
            with standing(root / "vm", backend=backend, route=url) as stand:
                yield Site(stand=stand, answer=lambda: _status(http, url))
        finally:
            process.terminate()
            process.wait(timeout=20)


def _answers(http: requests.Session, url: str) -> bool:
    try:
        return bool(http.get(url, timeout=5))
    except requests.ConnectionError:
        return False


def _status(http: requests.Session, url: str) -> str:
    status = http.get(url, timeout=5).status_code
    return {200: IN, 503: OUT}.get(status, f"status {status}")


@contextmanager
def probe_of_the_application(root: Path) -> Iterator[Site]:
    """health-probe, mode file: the application's own route reads the marker."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "drainer.demo.application", "--listen", address, "--name", "vm"]
    with probed(root, [*command, "--marker", str(root / "vm" / "draining")], address) as site:
        yield site


@contextmanager
def probe_unit(root: Path) -> Iterator[Site]:
    """health-probe, mode listen: `drainer probe` answers."""
    address, marker = f"127.0.0.1:{free_port()}", root / "vm" / "draining"
    backend = (
        f'  - health-probe: {{mode: listen, marker: "{marker}", interval: 100ms, threshold: 1, '
        'sources: ["127.0.0.1"]}'
    )
    command = [*DRAINER, "probe", "--listen", address, "--marker", str(marker)]
    with probed(root, command, address, backend=backend) as site:
        yield site


@contextmanager
def haproxy(root: Path) -> Iterator[Site]:
    """haproxy: the administrative state of the server."""
    with answering(lambda: 200) as address:
        servers = [Server(name="vm1", address=address), Server(name="vm2", address=address)]
        with running(root, servers) as proxy:
            backend = f'  - haproxy: {{socket: "{proxy.socket}", servers: ["web/vm1"]}}'
            with standing(root / "vm", backend=backend) as stand:
                yield Site(stand=stand, answer=lambda: IN if proxy.admin("web/vm1") == 0 else OUT)


POOL = """\
#!/bin/sh
case $1 in
  membership) printf '{{"entries": [{{"name": "vm", "standing": "%s"}}]}}' "$(cat {pool})" ;;
  cordon) printf out > {pool}.new && mv {pool}.new {pool} ;;
  restore) printf in > {pool}.new && mv {pool}.new {pool} ;;
esac
"""


@contextmanager
def command(root: Path) -> Iterator[Site]:
    """command: a pool of one member, by a program of the operator's."""
    pool, program = root / "pool", root / "program"
    pool.write_text(IN, encoding="utf-8")
    program.write_text(POOL.format(pool=pool), encoding="utf-8")
    program.chmod(0o755)
    verbs = ", ".join(f'{verb}: ["{program}", {verb}]' for verb in ("membership", "cordon", "restore"))
    backend = f"  - command: {{{verbs}, read_every: 200ms, settles_in: 1s}}"
    with standing(root / "vm", backend=backend) as stand:
        yield Site(stand=stand, answer=lambda: pool.read_text(encoding="utf-8"))


Make = Callable[[Path], AbstractContextManager[Site]]

BACKENDS = [
    pytest.param(probe_of_the_application, id="health-probe-file"),
    pytest.param(probe_unit, id="health-probe-listen"),
    pytest.param(haproxy, id="haproxy", marks=pytest.mark.haproxy),
    pytest.param(command, id="command"),
]


def unchanged(sites: Sequence[Site], expected: str, *, for_s: float) -> None:
    """Every answer, asked many times a second, is the expected one."""
    ended, pause = monotonic() + for_s, threading.Event()
    while monotonic() < ended:
        for site in sites:
            assert site.answer() == expected
        pause.wait(ASKED_EVERY_S)


def start(sites: Sequence[Site]) -> None:
    before = [site.sidecar.events().count("daemon.started") for site in sites]
    for site in sites:
        site.sidecar.start()
    for site, times in zip(sites, before, strict=True):
        site.sidecar.until_said("daemon.started", times=times + 1)


def drain(sites: Sequence[Site]) -> None:
    """An event is announced to each; out, and acknowledged. Asking is what a prober does meanwhile."""

    def drained(site: Site) -> bool:
        return site.answer() == OUT and "acknowledge.done" in site.sidecar.events()

    for site in sites:
        site.stand.schedule(in_="4m")
    for site in sites:
        until(lambda site=site: drained(site), "the drain")  # type: ignore[misc]


def watch_without(sites: Sequence[Site], expected: str, *, for_s: float) -> None:
    """Killed, stopped, and refused for its policy: three times without a daemon, nothing changes."""
    for site in sites:
        site.sidecar.kill()
    unchanged(sites, expected, for_s=for_s)
    start(sites)
    unchanged(sites, expected, for_s=min(for_s, SHORT_S))
    for site in sites:
        assert site.sidecar.stop() == 0
    unchanged(sites, expected, for_s=for_s)
    with ExitStack() as good_again:
        for site in sites:
            good_again.callback(_spoil(site.sidecar))
            site.sidecar.start()
        if expected == IN:
            assert [site.sidecar.ended() for site in sites] == [78] * len(sites)
        else:
            for site in sites:
                site.sidecar.until_alarmed("policy-refused")
        unchanged(sites, expected, for_s=for_s)
        for site in sites:
            if site.sidecar.runs:
                site.sidecar.kill()


def _spoil(one: Sidecar) -> Callable[[], object]:
    """A policy with a typo, and no accepted one to fall back on; how to undo it."""
    good = one.policy.read_text(encoding="utf-8")
    one.policy.write_text("version: 1\nrulez: []\n", encoding="utf-8")
    (one.state / "policy.accepted.yaml").unlink(missing_ok=True)
    return lambda: one.policy.write_text(good, encoding="utf-8")


def watched(sites: Sequence[Site], *, for_s: float) -> None:
    start(sites)
    unchanged(sites, IN, for_s=min(for_s, SHORT_S))
    watch_without(sites, IN, for_s=for_s)
    start(sites)
    drain(sites)
    watch_without(sites, OUT, for_s=for_s)


@pytest.mark.parametrize("make", BACKENDS)
def test_no_answer_changes_without_a_daemon(tmp_path: Path, make: Make) -> None:
    """In rotation and drained, nothing that becomes of the daemon changes what a balancer is answered."""
    with make(tmp_path) as site:
        watched([site], for_s=SHORT_S)


@pytest.mark.slow
@pytest.mark.haproxy
@pytest.mark.timeout(900)
def test_no_answer_changes_in_a_minute_without_a_daemon(tmp_path: Path) -> None:
    """The same for a minute each time, with every backend at once."""
    with ExitStack() as all_of_them:
        sites = []
        for make in (probe_of_the_application, probe_unit, haproxy, command):
            root = tmp_path / make.__name__
            root.mkdir()
            sites.append(all_of_them.enter_context(make(root)))
        watched(sites, for_s=LONG_S)
