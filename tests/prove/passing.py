"""Time and the world's own ways as edges: each ages one thing, changes one thing, or is an operator's act."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from drainer.core import wish
from drainer.core.episode import Episode, LayerFacts, State, Window
from drainer.core.model import later
from drainer.core.record import Terms, Wished
from tests.prove.model import Ageing, Model
from tests.prove.world import FORCE, LONG_AGO, MEMBERSHIPS, NOT_BEFORE, NOW, Node, Setup, World

Edge = tuple[str, Node]
FUTURE = NOW.wall + timedelta(hours=1)
SETTLED = Window(since=later(NOW, -timedelta(minutes=3)), lasts=timedelta(minutes=2))
LANDS = {"cordon": {"I": "L"}, "isolate": {"I": "X", "L": "X", "O": "X"}}


def passing(node: Node, model: Model) -> Iterator[Edge]:
    """Every edge that is not a tick."""
    setup = model.setup
    yield from _notices(node, model)
    yield from _work(node, setup)
    yield from _late(node, setup)
    yield from _ages(node, model)
    yield from _memory(node, model)
    if node.world.acts < setup.acts:
        yield from _by_hand(node, setup)
        yield from _wishes(node, model)


def _notices(node: Node, model: Model) -> Iterator[Edge]:
    world, setup = node.world, model.setup
    listed = dict(world.notices)
    for event_id in setup.notices:
        nearness = listed.get(event_id)
        if nearness is None:
            for first in setup.appears:
                yield f"notice {event_id} appears {first}", _listed(node, {**listed, event_id: first})
            continue
        left = {i: n for i, n in listed.items() if i != event_id}
        yield f"notice {event_id} vanishes", _listed(node, left)
        if nearness == "due" and "force" in setup.comes:
            yield f"force of {event_id} passes", forced(node, event_id, model)
        if nearness != "started" and "started" in setup.comes:
            yield f"{event_id} starts", _listed(node, {**listed, event_id: "started"})
    for event_id, terms in (node.state.episode.terms if node.state.episode else {}).items():
        if event_id not in listed and terms.force_at and terms.force_at > NOW.wall:
            yield f"journalled force of {event_id} passes", forced(node, event_id, model)


def _listed(node: Node, listed: dict[str, str]) -> Node:
    return node._replace(world=node.world._replace(notices=tuple(sorted(listed.items()))))


def forced(node: Node, event_id: str, model: Model) -> Node:
    """Its force is past: by the document, and by what the journal has of it."""
    listed = dict(node.world.notices)
    nearer = _listed(node, {**listed, event_id: "force"}) if listed.get(event_id) == "due" else node
    state = model.journals.derived(node.state, f"forced {event_id}", lambda: _forced(node.state, event_id))
    return nearer._replace(state=state)


def _forced(state: State, event_id: str) -> State:
    episode = state.episode
    terms = episode.terms.get(event_id) if episode else None
    if episode is None or terms is None or terms.started or terms.force_at is None:
        return state
    nearer = replace(episode, terms={**episode.terms, event_id: _nearer(terms)})
    return replace(state, episode=nearer)


def _nearer(terms: Terms) -> Terms:
    at: datetime = NOT_BEFORE["force"]
    return replace(terms, not_before=at, force_at=at - FORCE)


def _work(node: Node, setup: Setup) -> Iterator[Edge]:
    world = node.world
    taking = any(stand == "I" for stand in world.stands)
    if world.flows and any(stand != "I" for stand in world.stands):
        yield "flows end", _in(node, flows=False)
    if not world.flows and taking and all(stand == "I" for stand in world.stands):
        yield "flows begin", _in(node, flows=True)
    for at, stand in enumerate(world.stands):
        if stand == "L":
            yield f"{setup.layers[at].name} has left", _in(node, stands=put(world.stands, at, "O"))
    if setup.siblings and world.notices and not world.sibling:
        yield "the sibling publishes", _in(node, sibling=True)
    if setup.reloads and not world.tight:
        yield "the policy tightens", _in(node, tight=True)


def _late(node: Node, setup: Setup) -> Iterator[Edge]:
    for at, write in enumerate(node.world.late):
        if write:
            yield f"late {write} of {setup.layers[at].name} lands", landed(node, at, setup)
    if node.world.late_lease:
        yield "late acquire lands", _in(node, lease=node.world.late_lease, late_lease="")


def landed(node: Node, at: int, setup: Setup) -> Node:
    world = node.world
    stands = put(world.stands, at, written(world.late[at], world.stands[at], setup, at))
    return _in(node, stands=stands, late=put(world.late, at, ""))


def written(verb: str, stand: str, setup: Setup, at: int) -> str:
    """Where a layer stands after this write."""
    if verb == "restore":
        return "I"
    if not setup.layers[at].cordons:
        return "O"
    return LANDS[verb].get(stand, stand)


def _ages(node: Node, model: Model) -> Iterator[Edge]:
    world = node.world
    for ageing in model.ageings_of(node.state, ageings):
        at = ageing.lands
        if at is not None and (world.late_lease if at < 0 else world.late[at]):
            continue
        aged = node._replace(state=ageing.state)
        yield ageing.label, _in(aged, lease="") if ageing.ends_lease else aged


def ageings(state: State, model: Model) -> Iterator[Ageing]:
    """Everything that time alone does to a journal."""
    episode = state.episode
    if episode is None:
        return
    for label, aged, lands in _older(episode, model.setup):
        yield Ageing(label=label, state=_with(state, aged, model), lands=lands)
    if (leased := lease_older(episode, model.setup)) is not None:
        label, aged, ends = leased
        yield Ageing(label=label, state=_with(state, aged, model), ends_lease=ends)


def _older(episode: Episode, setup: Setup) -> Iterator[tuple[str, Episode, int | None]]:
    for at, kind in enumerate(setup.layers):
        if episode.layer(kind.name).unsettled(NOW):
            yield f"writes of {kind.name} have settled", settled(episode, kind.name), at
    if episode.lease.unsettled(NOW):
        yield "the acquire has settled", lease_settled(episode), -1
    if episode.cordoned_at == NOW:
        yield "the drain deadline passes", replace(episode, cordoned_at=LONG_AGO), None
    if episode.quiet_since == NOW:
        yield "settling is over", replace(episode, quiet_since=LONG_AGO), None
    if setup.stuck:
        terms = {i: replace(t, since=LONG_AGO) for i, t in episode.terms.items()}
        if terms != episode.terms:
            yield "patience is over", replace(episode, terms=terms), None


def lease_older(episode: Episode, setup: Setup) -> tuple[str, Episode, bool] | None:
    """The lease's own time: renewal due, then over (True), then what a lost acquire took, and at the last its
    whole life since it was first tried to be given back.
    """
    lease = episode.lease
    if lease.term is not None and lease.term.remaining(NOW) > timedelta(0):
        return _nearer_its_end(episode, lease.term, setup)
    if lease.lands == SETTLED and lease.trying is None:
        return "what a lost acquire took expires", replace(episode, lease=replace(lease, lands=None)), True
    if lease.given_up == NOW and not lease.unsettled(NOW):
        given_up = replace(lease, given_up=LONG_AGO)
        return "its life since it was given up is over", replace(episode, lease=given_up), True
    return None


def _nearer_its_end(episode: Episode, term: Window, setup: Setup) -> tuple[str, Episode, bool] | None:
    lease = episode.lease
    if term.remaining(NOW) > term.lasts / 2:
        due = replace(term, since=later(NOW, -term.lasts * 3 / 5))
        return "renewal is due", replace(episode, lease=replace(lease, term=due)), False
    if not setup.expires:
        return None
    over = replace(lease, term=replace(term, since=LONG_AGO))
    return "the lease expires", replace(episode, lease=over), lease.trying is None and lease.lands is None


def clock_set_forward(episode: Episode) -> Episode:
    """As the next boot has it, by a clock that stands hours ahead: what an earlier boot timed looks over."""
    lease, term = episode.lease, episode.lease.term
    over = replace(
        lease,
        term=term and replace(term, since=LONG_AGO),
        given_up=lease.given_up and replace(LONG_AGO, boot="earlier"),
    )
    return replace(episode, lease=over)


def lease_settled(episode: Episode) -> Episode:
    """No acquire of ours can land any more; what one took may stand."""
    if not episode.lease.unsettled(NOW):
        return episode
    return replace(episode, lease=replace(episode.lease, trying=None, lands=SETTLED))


def settled(episode: Episode, name: str) -> Episode:
    """No write of ours to this layer can land any more."""
    facts: LayerFacts = episode.layer(name)
    return episode.with_layer(name, replace(facts, attempted=None, lands=None, pending=None, pending_step=""))


def _memory(node: Node, model: Model) -> Iterator[Edge]:
    world, wishes = node.world, node.state.wishes
    if world.resting or world.denied:
        yield "back-offs end", _in(node, resting=frozenset(), denied="")
    if world.faults < model.setup.faults and (world.resting or world.denied or any(world.last)):
        yield "crash while idle", crashed(_in(node, faults=world.faults + 1))
    if model.setup.clocks and world.faults < model.setup.faults and node.state.episode:
        yield "it reboots, the clock set forward", _clock_set_forward(node, node.state.episode, model)
    if model.setup.loses and world.faults < model.setup.faults:
        yield "the journal is lost", _lost(node, model)
    if wishes.hold_until:
        yield "the hold ends", _wished(node, model, "hold ends", wish.Ended(wish="hold"))
    if wishes.drain:
        yield "the operator's drain ends", _wished(node, model, "drain ends", wish.Ended(wish="drain"))


def _lost(node: Node, model: Model) -> Node:
    """Nobody can tell any more by whose hand a layer is out."""
    world = node.world
    wants = tuple(
        "E" if stand != "I" else want for stand, want in zip(world.stands, world.wants, strict=True)
    )
    world = world._replace(wants=wants, acked=frozenset(), faults=world.faults + 1)
    return crashed(Node(world, model.journals.same(State())))


def _clock_set_forward(node: Node, episode: Episode, model: Model) -> Node:
    """The budget's own clock is right: what it granted stands."""
    world = node.world._replace(faults=node.world.faults + 1)
    state = _with(node.state, clock_set_forward(episode), model)
    return crashed(Node(world, state))


def crashed(node: Node) -> Node:
    blank = ("",) * len(node.world.stands)
    return _in(node, resting=frozenset(), denied="", last=blank)


def _by_hand(node: Node, setup: Setup) -> Iterator[Edge]:
    world, episode = node.world, node.state.episode
    for at, kind in enumerate(setup.layers):
        intended = episode is not None and episode.layer(kind.name).intended
        goes_in = world.stands[at] != "I"
        if ("in" if goes_in else "out") not in setup.hands:
            continue
        wanted = "I" if goes_in else "E" if intended else "O"
        yield (
            f"operator puts {kind.name} {'in' if goes_in else 'out'}",
            _in(
                node,
                stands=put(world.stands, at, "I" if goes_in else "O"),
                wants=put(world.wants, at, wanted),
                acts=world.acts + 1,
            ),
        )


def _wishes(node: Node, model: Model) -> Iterator[Edge]:
    listed = tuple(event_id for event_id, _ in node.world.notices)
    asked: dict[str, wish.Wish] = {
        "hold": wish.Hold(until=FUTURE),
        "skip": wish.Skip(event_id="e1"),
        "force": wish.Force(),
        "drain": wish.Drain(reason="", until=FUTURE),
        "restore": wish.Restore(event_ids=listed),
        "resume": wish.Resume(),
    }
    for name in model.setup.wishes:
        if name == "skip" and "e1" not in listed:
            continue
        if name == "adopt":
            yield "operator asks to adopt", _adopted(node, model)
            continue
        granted = _wished(node, model, (name, listed), asked[name])
        yield f"operator asks to {name}", _in(granted, acts=node.world.acts + 1)


def _adopted(node: Node, model: Model) -> Node:
    """Layers of which the journal knows nothing count as in and ours from now on."""
    world, episode = node.world, node.state.episode
    names = [kind.name for kind in model.setup.layers]
    reads = {name: MEMBERSHIPS[stand] for name, stand in zip(names, world.stands, strict=True)}
    wants = world.wants
    for at, name in enumerate(names):
        if episode is None or episode.layer(name).was is None:
            wants = put(wants, at, "I")
    adopted = _wished(node, model, ("adopt", world.stands), wish.Adopt(layers=reads))
    return _in(adopted, wants=wants, acts=world.acts + 1)


def _wished(node: Node, model: Model, why: Hashable, asked: wish.Wish) -> Node:
    return node._replace(state=model.journalled(node.state, why, lambda: (Wished(wish=asked),)))


def put(values: tuple[str, ...], at: int, value: str) -> tuple[str, ...]:
    return (*values[:at], value, *values[at + 1 :])


def _in(node: Node, **changes: object) -> Node:
    world: World = node.world._replace(**changes)  # type: ignore[arg-type]
    return node._replace(world=world)


def _with(state: State, episode: Episode, model: Model) -> State:
    return model.journals.same(replace(state, episode=episode))
