"""What the owners of pools and policies may do: take out, put in, rebuild, wish, rewrite the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from drainer.core.model import Entry, InFlight, Standing
from drainer.core.policy import Acknowledge, BackendChoice, Policy, Rule, StuckAfter
from drainer.core.wish import Drain, Force, Hold, Restore, Resume, Skip
from tests.simulate.beat import Beat
from tests.simulate.moves_faults import one_layer
from tests.simulate.owners import Owner
from tests.simulate.watched import WatchedLayer
from tests.world import seconds

BACKEND = (BackendChoice(name="fake", options=None),)

POLICIES: tuple[Policy, ...] = (
    Policy(rules=(Rule(),), backend=BACKEND, digest="sample"),
    Policy(
        rules=(Rule(force=seconds(20), drain_timeout=seconds(60), settle=seconds(5)),),
        backend=BACKEND,
        min_in_service=2,
        digest="late",
    ),
    Policy(
        rules=(Rule(lead=seconds(90), quiet_for=seconds(10), settle=seconds(60)),),
        backend=BACKEND,
        keep_last=False,
        digest="short lead",
    ),
    Policy(
        rules=(Rule(acknowledge=Acknowledge.AT_DRAIN_END),),
        backend=BACKEND,
        stuck_after=StuckAfter(event=seconds(120)),
        digest="impatient",
    ),
)


def others_change(beat: Beat) -> None:
    one_layer(beat).balancer.others = beat.chance.choice((0, 1, 2, 2))


def operator_takes_out(beat: Beat) -> None:
    """Ambiguous while a write of ours, or an act of theirs that nobody has seen, is in the air."""
    layer = one_layer(beat)
    for entry in _some(beat, layer):
        if layer.balancer.entries[entry].standing is Standing.IN:
            layer.balancer.take_out(entry, isolated=beat.chance.random() < 0.3)
            beat.vm.referee.owners.want(entry, Owner.EITHER if _crosses(beat, layer) else Owner.OUT)


def operator_puts_in(beat: Beat) -> None:
    layer = one_layer(beat)
    for entry in _some(beat, layer):
        if layer.balancer.entries[entry].standing is not Standing.IN:
            _put_in(beat, layer, entry)


def association_is_rebuilt(beat: Beat) -> None:
    """Terraform destroys it and creates it, whatever it was."""
    layer = one_layer(beat)
    for entry in tuple(layer.balancer.entries):
        layer.balancer.entries[entry] = Entry(name=entry, standing=Standing.IN)
        _put_in(beat, layer, entry)


def balancer_restarts(beat: Beat) -> None:
    """It forgets what it was told, operators' words too."""
    layer = one_layer(beat)
    layer.balancer.restart()
    for entry in layer.balancer.entries:
        beat.vm.referee.owners.want(entry, Owner.IN)
    beat.vm.referee.owners.unseen.add(layer.name)


def operator_holds(beat: Beat) -> None:
    beat.vm.wish(Hold(until=beat.vm.now.wall + seconds(beat.chance.choice((10, 60)))))


def operator_drains(beat: Beat) -> None:
    until = beat.chance.choice((None, beat.vm.now.wall + seconds(40)))
    beat.vm.wish(Drain(reason="test", until=until))


def operator_skips(beat: Beat) -> None:
    notices = beat.vm.notices
    if notices:
        beat.vm.wish(Skip(event_id=beat.chance.choice(notices).id))


def operator_forces(beat: Beat) -> None:
    beat.vm.wish(Force())


def operator_restores(beat: Beat) -> None:
    readable = beat.vm.feed.blind is None
    beat.vm.wish(Restore(event_ids=tuple(event.id for event in beat.vm.notices) if readable else ()))


def operator_resumes(beat: Beat) -> None:
    beat.vm.wish(Resume())


def policy_changes(beat: Beat) -> None:
    beat.vm.reload(beat.chance.choice(POLICIES))


def work_for_a_while(beat: Beat) -> None:
    """Requests are served, and end in time."""
    application = beat.vm.application
    application.work = InFlight(count=2)
    beat.fleet.after(beat.chance.choice((2, 10, 18)), lambda: setattr(application, "work", InFlight(count=0)))


def nothing(beat: Beat) -> None:
    """Time goes by."""


def _put_in(beat: Beat, layer: WatchedLayer, entry: str) -> None:
    layer.balancer.put_in(entry)
    beat.vm.referee.owners.want(entry, Owner.IN)
    beat.vm.referee.owners.unseen.add(layer.name)


def _crosses(beat: Beat, layer: WatchedLayer) -> bool:
    episode = beat.vm.state.episode
    ours = episode is not None and episode.layer(layer.name).intended
    return ours or layer.name in beat.vm.referee.owners.unseen or layer.late


def _some(beat: Beat, layer: WatchedLayer) -> Iterable[str]:
    """The whole layer, at times one entry of it."""
    entries = tuple(layer.balancer.entries)
    return entries if beat.chance.random() < 0.7 else entries[:1]


OWNERS: tuple[Callable[[Beat], None], ...] = (
    others_change,
    *(operator_takes_out,) * 2,
    *(operator_puts_in,) * 2,
    association_is_rebuilt,
    balancer_restarts,
    *(operator_holds,) * 2,
    operator_drains,
    operator_skips,
    operator_forces,
    operator_restores,
    operator_resumes,
    policy_changes,
)
