"""One certification: refused unless it is safe and asked for, bounded in time, undone however it ends."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import FrameType

from drainer.certify import client, cycle, writes
from drainer.certify.facts import Facts, write
from drainer.clock import SystemClock
from drainer.core.model import Face
from drainer.core.policy import BackendChoice, Egress
from drainer.doctor.check import REFUSED, exit_code
from drainer.doctor.patience import Patient
from drainer.doctor.report import lines
from drainer.doctor.run import episode_open, examined
from drainer.errors import DrainerError, Refused
from drainer.journal import StateLock
from drainer.management import Arm
from drainer.ports import Backend, Surroundings
from drainer.settings import Settings

LAYER = "azure-nic-pool"
DONE, FAILED = 0, 1
UNDO_S = 600.0
"""Giving back has its own time, after the box is over."""
WATCH_S = 120.0

CONSENT = (
    "this takes the VM out of its real pool for minutes, and puts it back. Say --yes on a VM whose traffic"
    " the others can carry"
)


def main(settings: Settings, *, out: Path, yes: bool, limit: timedelta, client_url: str = "") -> int:
    """Examine, measure, give back, write. 0: given back exactly. Raises Refused, Transient, PolicyInvalid."""
    if not yes:
        raise Refused("not-asked-for", CONSENT)
    choice, facts = _layer(settings), Facts()
    _kept(out, facts)
    _may_begin(settings)
    lock = StateLock(settings.state)
    lock.take()  # no daemon meanwhile
    try:
        ends = monotonic() + limit.total_seconds()
        return _measured(settings, choice, facts, ends=ends, client_url=client_url)
    finally:
        lock.release()
        _kept(out, facts)
        print(json.dumps(facts.as_object()))


def _kept(out: Path, facts: Facts) -> None:
    try:
        write(out, facts)
    except OSError as error:
        raise Refused("out-unwritable", f"{out}: {error.strerror}") from error


def _may_begin(settings: Settings) -> None:
    """Raises Refused where an episode is open or the doctor refuses."""
    settings.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    if episode_open(settings, SystemClock(settings.boot_id)):
        raise Refused("episode-open", "the journal says that an episode is open: let it end first")
    checks = examined(settings)
    print("\n".join(lines(checks)), file=sys.stderr)
    if exit_code(checks) == REFUSED:
        raise Refused("doctor-refused", "the doctor refuses: cure what it names first")


def _layer(settings: Settings) -> BackendChoice:
    from drainer.wiring import load_policy

    for choice in load_policy(settings).policy.backend:
        if choice.name == LAYER:
            return choice
    raise Refused("no-such-layer", f"the policy has no {LAYER}, and nothing else is certified")


def _measured(
    settings: Settings, choice: BackendChoice, facts: Facts, *, ends: float, client_url: str
) -> int:
    from drainer.wiring import management

    raw = management(settings)
    undoing = Patient(raw, whole_s=limit_of(ends))
    try:
        with interrupted():
            try:
                try:
                    return _cycled(settings, choice, facts, raw, ends=ends, client_url=client_url)
                finally:
                    _undone(facts, undoing)
            except KeyboardInterrupt:
                _undone(facts, undoing)  # the one interruption may have come while it was given back
                raise
    finally:
        raw.close()


def limit_of(ends: float) -> float:
    """How long all calls together may take that give back: the box, and a time of their own."""
    return max(0.0, ends - monotonic()) + UNDO_S


def _cycled(
    settings: Settings, choice: BackendChoice, facts: Facts, raw: Arm, *, ends: float, client_url: str
) -> int:
    arm = Patient(raw, whole_s=max(0.0, ends - monotonic()))
    before = cycle.interfaces(arm)
    writes.measure(facts, arm, raw, next(iter(before)))
    layer = _built(settings, choice, raw)
    was = cycle.membership(layer, ends=ends)
    if was.face is not Face.IN:
        raise Refused(
            "not-in-service", f"{LAYER} reads {was.face.value}: nothing is measured on a VM that is out"
        )
    service = (
        client.Service(url=client_url, name=str(arm.instance()["compute"]["name"])) if client_url else None
    )
    kept = client.established(service) if service else None
    facts.cycle["isolate_s"] = round(cycle.take_out(layer, was, ends=ends), 1)
    if service is not None and kept is not None:
        left_s = max(1.0, min(WATCH_S, (ends - monotonic()) / 2))
        client.propagation(facts, service, since=monotonic(), within_s=left_s)
        client.outlived(facts, service, kept)
        kept.close()
    facts.cycle["restore_s"] = round(cycle.give_back(layer, was, ends=ends), 1)
    changed = cycle.exact(before, cycle.interfaces(arm))
    facts.cycle |= {"exact": not changed, "changed": changed}
    return FAILED if changed else DONE


def _built(settings: Settings, choice: BackendChoice, raw: Arm) -> Backend:
    from drainer.wiring import built_in_kinds, load_policy

    policy = load_policy(settings).policy
    around = Surroundings(
        clock=SystemClock(settings.boot_id),
        vm_name=lambda: settings.vm_name,
        service_ports=policy.service_ports,
        arm=raw,
        egress_verified=policy.egress is Egress.VERIFIED,
    )
    return built_in_kinds()[LAYER].build(choice.options, around)


def _undone(facts: Facts, arm: Patient) -> None:
    """Give back what still carries our mark. Raises nothing: what cannot be undone is told with its cure."""
    try:
        left = cycle.make_sure(arm)
    except DrainerError as error:
        facts.cycle["undone"] = False
        print(
            f"drainer: NOT given back: {error.kind}: {error.reason}. Run `drainer rescue --run` until it is",
            file=sys.stderr,
        )
        return
    facts.cycle["undone"] = True
    if left:
        print(f"drainer: given back by its mark: {', '.join(left)}", file=sys.stderr)


@contextmanager
def interrupted() -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the measuring; then nothing but SIGKILL ends the giving back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = threading.Event()

    def once(_number: int, _frame: FrameType | None) -> None:
        if not came.is_set():
            came.set()
            raise KeyboardInterrupt

    before = {each: signal.signal(each, once) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, answer in before.items():
            signal.signal(each, answer)
