"""This VM out of its real pool and back, by the backend that a drain would use; compared byte for byte."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from drainer.azure import mark
from drainer.azure.whoami import myself
from drainer.core.model import Done, Face, Membership, Progress
from drainer.doctor.patience import Patient
from drainer.errors import Refused, Transient
from drainer.management import Json
from drainer.ports import Backend
from drainer.rescue import find, rescue

Answer = TypeVar("Answer")

PAUSE_S = 0.5


def interfaces(arm: Patient) -> dict[str, Json]:
    """This VM's interfaces as they are now."""
    return {each: arm.get(each) for each in myself(arm).interfaces}


def membership(layer: Backend, *, ends: float) -> Membership:
    """The layer's reading. Raises what the layer raises, once time is over."""
    return until(layer.membership, ends=ends)


def take_out(layer: Backend, was: Membership, *, ends: float) -> float:
    """Isolate; the seconds it took. Raises Refused where the layer refuses or is not out by then."""
    return _driven(lambda: layer.isolate(was), layer, Face.OUT, ends=ends)


def give_back(layer: Backend, was: Membership, *, ends: float) -> float:
    """Restore; the seconds it took. Raises as `take_out` does."""
    return _driven(lambda: layer.restore(was), layer, Face.IN, ends=ends)


def _driven(verb: Callable[[], Progress], layer: Backend, face: Face, *, ends: float) -> float:
    began, nothing = monotonic(), threading.Event()
    while True:
        done = isinstance(until(verb, ends=ends), Done)
        if done and membership(layer, ends=ends).face is face:
            return monotonic() - began
        if monotonic() >= ends:
            raise Refused("time-over", f"{layer.name} was not {face.value} in time")
        nothing.wait(PAUSE_S)


def exact(before: dict[str, Json], after: dict[str, Json]) -> list[str]:
    """Interfaces that are not as they were, apart from etags, provisioning states and our mark."""
    return [
        each
        for each in before
        if each not in after
        or mark.bare(before[each]) != mark.bare(after[each])
        or mark.is_marked(after[each])
    ]


def make_sure(arm: Patient) -> tuple[str, ...]:
    """Whatever went wrong before: give back what our mark still records. The interfaces that had one."""
    found = tuple(find(arm, ()))
    for each in found:
        rescue(arm, each)
    return tuple(each.id for each in found)


def until(call: Callable[[], Answer], *, ends: float) -> Answer:
    """The answer, asked for until it comes; trouble that passes is waited out while there is time."""
    nothing = threading.Event()
    while True:
        try:
            return call()
        except Transient as error:
            pause = max(PAUSE_S, error.retry_after.total_seconds() if error.retry_after else 0.0)
            if monotonic() + pause >= ends:
                raise
            nothing.wait(pause)
