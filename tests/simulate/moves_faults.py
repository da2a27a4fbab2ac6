"""What may go wrong around one VM: lost answers, blind layers, full disks, deaths, hooks that say no."""

from __future__ import annotations

from collections.abc import Callable

from drainer.backends.fake import Fault
from drainer.core.model import Abort, AckAnswer, Go, Healthy, HookAnswer, HookWait, InFlight, later
from drainer.errors import Broken, DrainerError, Transient
from tests.simulate.beat import Beat
from tests.simulate.watched import WatchedLayer
from tests.world import seconds

FULL = Broken("journal-unwritable", "no space left on device")


def layer_blinds(beat: Beat) -> None:
    layer = one_layer(beat)
    layer.balancer.readable = not layer.balancer.readable


def layers_are_back(beat: Beat) -> None:
    for layer in beat.vm.layers:
        layer.balancer.readable = True


def verbs_fail(beat: Beat) -> None:
    one_layer(beat).arm(*beat.chance.choices(list(Fault), k=beat.chance.randint(1, 3)))


def leaves_slowly(beat: Beat) -> None:
    """The balancer takes a while to confirm that an entry is out."""
    one_layer(beat).balancer.reads_until_out = beat.chance.choice((0, 1, 4))


def acknowledging_fails(beat: Beat) -> None:
    lost = Transient("no-answer", "the answer was lost")
    answers: list[list[AckAnswer | DrainerError]] = [[lost], [lost, lost], [AckAnswer.GONE]]
    beat.vm.feed.answers = beat.chance.choice(answers)


def acknowledgement_lands_late(beat: Beat) -> None:
    beat.vm.feed.lands_late = True


def budget_fails(beat: Beat) -> None:
    if beat.vm.budget is not None:
        beat.vm.budget.denies = beat.chance.random() < 0.5
        beat.vm.budget.loses = beat.chance.choices((True, False), k=2)


def process_dies(beat: Beat) -> None:
    """At one of the next writes, before or after it; or at once, and is away for a while."""
    disk = beat.vm.disk
    at = disk.writes + beat.chance.randint(0, 6)
    match beat.chance.randint(0, 4):
        case 0 | 1:
            disk.dies_before = at
        case 2 | 3:
            disk.dies_after = at
        case _:
            beat.vm.die(away_s=beat.chance.choice((0, 5, 30)))
    disk.tears = beat.chance.random() < 0.4


def disk_fills(beat: Beat) -> None:
    beat.vm.disk.full = None if beat.vm.disk.full else FULL


def disk_has_room(beat: Beat) -> None:
    beat.vm.disk.full = None


def hooks_answer(beat: Beat) -> None:
    """Wait, no, or nothing that can be understood."""
    wait = HookWait(retry_at=later(beat.vm.now, seconds(5)), reason="not yet")
    lost = Transient("hook-failed", "it ended with 1")
    answers: tuple[HookAnswer | DrainerError, ...] = (wait, wait, lost, Abort(reason="no"), Go())
    beat.vm.hooks.answers = beat.chance.choices(answers, k=beat.chance.randint(1, 4))


def work_comes_and_goes(beat: Beat) -> None:
    beat.vm.application.work = InFlight(count=beat.chance.choice((0, 0, 2)))


def health_changes(beat: Beat) -> None:
    if beat.chance.random() < 0.5:
        beat.vm.application.fail()
    else:
        beat.vm.application.health = Healthy()


def one_layer(beat: Beat) -> WatchedLayer:
    return beat.chance.choice(beat.vm.layers)


FAULTS: tuple[Callable[[Beat], None], ...] = (
    *(layer_blinds,) * 2,
    *(layers_are_back,) * 2,
    *(verbs_fail,) * 4,
    leaves_slowly,
    acknowledging_fails,
    acknowledgement_lands_late,
    budget_fails,
    *(process_dies,) * 4,
    disk_fills,
    disk_has_room,
    hooks_answer,
    *(work_comes_and_goes,) * 2,
    health_changes,
)
