"""The contract of a backend, as tests. The fake passes it, and so must every adapter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic

import pytest

from drainer.core.model import Done, Face, InFlight, Membership, Standing, Unmeasured
from drainer.errors import DrainerError, Refused
from drainer.ports import Backend
from drainer.testing.stand import Stand

PATIENCE_S = 20.0
VERB_BOUND_S = 10.0


class BackendContract:
    """Subclass it and override the fixture `stand`."""

    @pytest.fixture
    def stand(self) -> Stand | Iterator[Stand]:
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def backend(self, stand: Stand) -> Iterator[Backend]:
        backend = stand.connect()
        yield backend
        backend.close()

    def test_names_itself_and_its_times(self, backend: Backend) -> None:
        """A layer has a name, cordons or isolates, and its times are not negative."""
        assert backend.name
        assert backend.cordons or backend.isolates
        assert backend.read_every >= timedelta(0)
        assert backend.settles_in >= timedelta(0)

    def test_reads_in_while_it_takes_work(self, stand: Stand, backend: Backend) -> None:
        """Every entry of a VM in service is read, and reads In."""
        read = backend.membership()
        assert read.face is Face.IN
        assert read.taking_work == set(stand.entries)

    def test_reading_changes_nothing(self, stand: Stand, backend: Backend) -> None:
        """Reads, counts and the undo command leave the balancer as it was."""
        before = backend.membership()
        backend.in_flight()
        backend.in_service_count()
        backend.undo()
        assert stand.connect().membership() == before

    def test_cordon_ends_out(self, stand: Stand, backend: Backend) -> None:
        """After a cordon no entry takes new work, and in the end the layer reads Out."""
        cordon(stand, backend)
        assert backend.membership().taking_work == frozenset()

    def test_cordon_is_idempotent(self, stand: Stand, backend: Backend) -> None:
        """A second cordon changes nothing."""
        once = cordon(stand, backend)
        assert cordon(stand, backend) == once

    def test_cordon_leaves_what_is_out(self, stand: Stand, backend: Backend) -> None:
        """An entry that an operator had taken out is left exactly as it is."""
        first = stand.entries[0]
        stand.take_out(first)
        before = entry_of(until(stand, backend, lambda read: gone(read, first)), first)
        cordon(stand, backend)
        assert entry_of(backend.membership(), first) == before

    def test_restore_is_exact(self, stand: Stand, backend: Backend) -> None:
        """What was read before the cordon is what is read after giving back."""
        was = backend.membership()
        cordon(stand, backend)
        give_back(stand, backend, was)
        assert backend.membership() == was

    def test_restore_is_idempotent(self, stand: Stand, backend: Backend) -> None:
        """Giving back twice, or what was never taken, changes nothing."""
        was = backend.membership()
        give_back(stand, backend, was)
        give_back(stand, backend, was)
        assert backend.membership() == was

    def test_restore_leaves_what_an_operator_had_out(self, stand: Stand, backend: Backend) -> None:
        """Only entries that were In are given back; an operator's stays out, exactly."""
        first = stand.entries[0]
        stand.take_out(first)
        was = until(stand, backend, lambda read: gone(read, first))
        cordon(stand, backend)
        give_back(stand, backend, was)
        assert backend.membership() == was

    def test_an_operators_return_is_seen(self, stand: Stand, backend: Backend) -> None:
        """An entry that an operator puts back during the cordon reads In."""
        cordon(stand, backend)
        stand.put_in(stand.entries[0])
        assert stand.entries[0] in backend.membership().taking_work

    def test_isolate_removes_hard(self, stand: Stand, backend: Backend) -> None:
        """After Isolate every entry that took work is isolated, and a second one changes nothing."""
        isolates(backend)
        was = backend.membership()
        cordon(stand, backend)
        once = isolate(stand, backend, was)
        assert all(entry.isolated for entry in once.entries)
        assert isolate(stand, backend, was) == once

    def test_isolate_is_given_back_exactly(self, stand: Stand, backend: Backend) -> None:
        """Cordon, Isolate, Restore ends where it began."""
        isolates(backend)
        was = backend.membership()
        cordon(stand, backend)
        isolate(stand, backend, was)
        give_back(stand, backend, was)
        assert backend.membership() == was

    def test_isolate_leaves_what_an_operator_had_out(self, stand: Stand, backend: Backend) -> None:
        """An entry that was out before is not removed harder, also by a process that saw no cordon."""
        isolates(backend)
        first = stand.entries[0]
        stand.take_out(first)
        was = until(stand, backend, lambda read: gone(read, first))
        before = entry_of(was, first)
        cordon(stand, backend)
        isolate(stand, stand.connect(), was)
        assert entry_of(backend.membership(), first) == before

    def test_others_are_untouched(self, stand: Stand, backend: Backend) -> None:
        """Cordon and Restore change nothing that belongs to others."""
        others, was = stand.others(), backend.membership()
        cordon(stand, backend)
        assert stand.others() == others
        give_back(stand, backend, was)
        assert stand.others() == others

    def test_closing_and_coming_back_change_nothing(self, stand: Stand, backend: Backend) -> None:
        """An adapter that is closed, or merely gone, leaves the membership; the next one gives back."""
        was = backend.membership()
        cordon(stand, backend)
        backend.close()
        follower = stand.connect()
        until(stand, follower, lambda read: read.face is Face.OUT)
        give_back(stand, follower, was)
        assert follower.membership() == was

    def test_a_lost_answer_may_have_acted(self, stand: Stand, backend: Backend) -> None:
        """A verb whose answer was lost is simply asked again, both ways."""
        was = backend.membership()
        stand.lose_next_answer()
        with contextlib.suppress(DrainerError):
            backend.cordon()
        cordon(stand, backend)
        stand.lose_next_answer()
        with contextlib.suppress(DrainerError):
            backend.restore(was)
        give_back(stand, backend, was)
        assert backend.membership() == was

    def test_unreachable_is_our_error_in_time(self, stand: Stand, backend: Backend) -> None:
        """Out of reach, every verb ends in time, and only in our errors; a cordon never claims success."""
        was = backend.membership()
        stand.sever()
        for verb in (backend.membership, backend.in_flight, backend.in_service_count):
            bounded(verb)
        bounded(lambda: backend.restore(was))
        assert bounded(backend.cordon) is not None

    def test_entries_that_are_gone_are_dropped(self, stand: Stand, backend: Backend) -> None:
        """Deleted entries read as no member; giving back says so only when none is left."""
        was = backend.membership()
        for entry in stand.entries:
            stand.remove(entry)
        assert backend.membership().face is Face.OUT
        assert backend.cordon() == Done()
        with pytest.raises(Refused) as refused:
            backend.restore(was)
        assert refused.value.kind == "entry-gone"

    def test_counts_or_says_why_not(self, backend: Backend) -> None:
        """Work in flight and other members are counted, or Unmeasured with a reason."""
        match backend.in_flight():
            case InFlight(count=count):
                assert count >= 0
            case Unmeasured(reason=reason):
                assert reason
        match backend.in_service_count():
            case Unmeasured(reason=reason):
                assert reason
            case others:
                assert others >= 0

    def test_undo_is_one_command(self, stand: Stand, backend: Backend) -> None:
        """The undo command is one line, the same before and after the cordon that it undoes."""
        backend.membership()
        before = backend.undo()
        cordon(stand, backend)
        assert before.strip()
        assert "\n" not in before
        assert backend.undo() == before


def cordon(stand: Stand, backend: Backend) -> Membership:
    """Cordon, and wait until the layer reads Out."""
    patiently(stand, lambda: backend.cordon() == Done())
    return until(stand, backend, lambda read: read.face is Face.OUT)


def isolate(stand: Stand, backend: Backend, was: Membership) -> Membership:
    """Isolate what `was` shows as In, and wait until the layer reads Out."""
    patiently(stand, lambda: backend.isolate(was) == Done())
    return until(stand, backend, lambda read: read.face is Face.OUT)


def give_back(stand: Stand, backend: Backend, was: Membership) -> Membership:
    """Restore, and wait until every entry that was In takes work again."""
    patiently(stand, lambda: backend.restore(was) == Done())
    return until(stand, backend, lambda read: was.taking_work <= read.taking_work)


def until(stand: Stand, backend: Backend, satisfied: Callable[[Membership], bool]) -> Membership:
    patiently(stand, lambda: satisfied(backend.membership()))
    return backend.membership()


def patiently(stand: Stand, condition: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline, "the balancer never came to it"
        stand.wait()


def bounded(verb: Callable[[], object]) -> DrainerError | None:
    """The error of this call, if any; another kind of exception goes through."""
    began = monotonic()
    try:
        verb()
    except DrainerError as error:
        return error
    finally:
        assert monotonic() - began < VERB_BOUND_S
    return None


def gone(read: Membership, name: str) -> bool:
    """This entry takes no new work, and the balancer has settled it."""
    return any(entry.name == name and entry.standing is Standing.OUT for entry in read.entries)


def entry_of(read: Membership, name: str) -> object:
    return next(entry for entry in read.entries if entry.name == name)


def isolates(backend: Backend) -> None:
    if not backend.isolates:
        pytest.skip("this layer does not isolate")
