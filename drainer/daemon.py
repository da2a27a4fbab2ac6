"""The daemon: locks, threads, signals, the loop. It decides nothing and knows no adapter.

SIGTERM stops and touches nothing; the next start continues. SIGHUP reads the policy again.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType

from drainer.alarms import alarms_of
from drainer.board import Alarm, Board, Snapshot
from drainer.clock import SystemClock
from drainer.core.model import Document
from drainer.core.policy import Policy
from drainer.dryrun import dry
from drainer.errors import Broken, DrainerError, PolicyInvalid, Transient
from drainer.hooks import HookRan
from drainer.hostlock import HostLock
from drainer.journal import FileStore, Journal, MemoryStore, StateLock
from drainer.log import Log
from drainer.poller import Poller
from drainer.reconcile import Reconciler, Tick
from drainer.settings import Settings
from drainer.tally import Tally
from drainer.wiring import Accepted, build_ports, built_in, event_feed, load_policy, parse_policy, tightened

EXIT_OK, EXIT_FAILED, EXIT_LOCKED, EXIT_CONFIGURATION = 0, 1, 75, 78

ACCEPTED = "policy.accepted.yaml"
IDENTITY = "vm.id"

PACE_THREATENED = timedelta(milliseconds=250)
PACE_OPEN = timedelta(milliseconds=500)
PACE_STEADY = timedelta(seconds=30)
PACE_BUG = timedelta(seconds=1)


class Stopped(Exception):
    """The daemon cannot go on; `code` is its exit code. The reason is logged already."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


def run(settings: Settings) -> int:
    """Serve until SIGTERM. Exits 0, 78 (configuration), 75 (locked) or 1 (state unwritable at start)."""
    clock = SystemClock(Path(settings.boot_id))
    log = Log(clock.now)
    try:
        daemon = Daemon(settings, clock, log)
        daemon.serve()
    except Stopped as stopped:
        return stopped.code
    return EXIT_OK


class Daemon:
    """One life. Everything it must not lose is in the journal."""

    def __init__(self, settings: Settings, clock: SystemClock, log: Log) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._state = Path(settings.state)
        self._alarms: dict[str, Alarm] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._reload = False
        self._host_lock = HostLock()
        self._state_lock = StateLock(self._state)
        self._store = self._open_state()
        self._journal = self._load_journal()
        self._next: Accepted | None = None
        self._accepted = self._choose_policy()
        self._poller = self._start_feed()
        self._vm_id = ""
        self._confirmed = self._journal.state.episode is None
        self._tally = Tally()
        self._reconciler = self._build(self._accepted.policy)
        self.board = Board(self._wake.set)
        self._started = clock.now()

    # --- start ---

    def _open_state(self) -> FileStore | MemoryStore:
        if self._settings.dry_run:
            self._refuse_over_open_episode()
            return MemoryStore()
        try:
            self._state.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._state_lock.take()
        except Transient as error:
            self._log.error("start.refused", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_LOCKED) from error
        except (Broken, OSError) as error:
            return self._without_state(error)
        return FileStore(self._state)

    def _without_state(self, error: Exception) -> FileStore:
        """Unwritable at start: go on only where the journal says that something is to be given back."""
        store = FileStore(self._state)
        self._log.error("state.unwritable", path=str(self._state), reason=str(error))
        try:
            opened = Journal(store, self._clock).state.episode is not None
        except Broken:
            opened = False
        if not opened:
            raise Stopped(EXIT_FAILED) from error
        self._raise_alarm("state-unwritable", str(error))
        return store

    def _refuse_over_open_episode(self) -> None:
        try:
            state = Journal(FileStore(self._state), self._clock).state
        except Broken:
            return
        if state.episode is not None:
            self._log.error(
                "start.refused",
                kind="episode-open",
                reason=f"{self._state} holds the open episode {state.episode.id}; a dry run would mislead. "
                "Start without --dry-run, or give another --state",
            )
            raise Stopped(EXIT_CONFIGURATION)

    def _load_journal(self) -> Journal:
        try:
            journal = Journal(self._store, self._clock)
        except Broken as error:
            self._log.error("journal.failed", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_FAILED) from error
        if journal.loaded.torn:
            self._log.warning("journal.torn", reason="the last line was cut off and is dropped")
        if journal.loaded.skipped:
            self._log.warning("journal.skipped", records=journal.loaded.skipped)
        if journal.broken:
            self._log.error("journal.damaged", reason=journal.broken)
        if journal.state.episode is not None:
            self._log.info("episode.resumed", episode=journal.state.episode.id)
        return journal

    def _choose_policy(self) -> Accepted:
        """The file's policy; while an episode is open, the one it was opened under."""
        episode = self._journal.state.episode
        kept = self._kept_policy()
        try:
            named = load_policy(self._settings)
        except PolicyInvalid as error:
            return self._fall_back(error, kept, open_episode=episode is not None)
        if episode is None or episode.adopted or episode.policy in ("", named.policy.digest):
            self._keep(named)
            return named
        if kept is None or kept.policy.digest != episode.policy:
            self._raise_alarm("policy-changed", "the policy of the open episode is gone; the new one is used")
            return named
        self._log.info("policy.postponed", reason="an episode is open; the new policy applies at its end")
        self._next = named
        return Accepted(policy=tightened(kept.policy, named.policy), text=kept.text)

    def _fall_back(self, error: PolicyInvalid, kept: Accepted | None, *, open_episode: bool) -> Accepted:
        for problem in error.problems:
            self._log.error("policy.refused", problem=str(problem))
        if kept is None and not open_episode:
            raise Stopped(EXIT_CONFIGURATION) from error
        self._raise_alarm("policy-refused", f"{error.problems[0]}; the last accepted policy is kept")
        return kept or built_in()

    def _kept_policy(self) -> Accepted | None:
        path = self._state / ACCEPTED
        try:
            text = path.read_text(encoding="utf-8")
            return Accepted(policy=parse_policy(text, file=str(path)), text=text)
        except (OSError, ValueError, PolicyInvalid):
            return None

    def _keep(self, accepted: Accepted) -> None:
        if not self._settings.dry_run:
            self._write_state(ACCEPTED, accepted.text)

    def _write_state(self, name: str, text: str) -> None:
        fresh = self._state / f".{name}.new"
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.chmod(0o600)
            fresh.replace(self._state / name)
        except OSError as error:
            self._log.warning("state.unwritten", file=name, reason=str(error))

    def _start_feed(self) -> Poller:
        try:
            feed = event_feed(self._settings, self._clock)
        except PolicyInvalid as error:
            self._log.error("start.refused", problem=str(error.problems[0]))
            raise Stopped(EXIT_CONFIGURATION) from error
        return Poller(feed, self._clock, changed=self._wake.set)

    def _build(self, policy: Policy) -> Reconciler:
        ports = build_ports(
            policy,
            clock=self._clock,
            feed=self._poller,
            vm_name=self._vm_name,
            stopping=self._stopping.is_set,
            hook_ran=self._hook_ran,
        )
        ports = dry(ports) if self._settings.dry_run else ports
        reconciler = Reconciler(ports=ports, journal=self._journal, policy=policy, log=self._log)
        reconciler.acted = self._tally.acted
        return reconciler

    def _vm_name(self) -> str:
        document = self._poller.latest()
        return document.vm.name if isinstance(document, Document) else self._settings.vm_name or ""

    def _hook_ran(self, ran: HookRan) -> None:
        command = " ".join(ran.command)
        self._log.info("hook.ran", stage=ran.stage, command=command, ending=ran.ending, output=ran.output)

    # --- the loop ---

    def serve(self) -> None:
        """Until SIGTERM."""
        self._listen_to_signals()
        listeners = self._start_listeners()
        self._log.info("daemon.started", state=str(self._state), dry_run=self._settings.dry_run)
        self._poller.start()
        try:
            while not self._stopping.is_set():
                pace = self._turn()
                self._wake.wait(pace.total_seconds())
                self._wake.clear()
        finally:
            self._stop(listeners)

    def _turn(self) -> timedelta:
        """Wishes, a reload, ticks, and what to show. The one place where a bug of ours is survived."""
        try:
            self.board.take_wishes(lambda wish, by: self._reconciler.wish(wish, by=by))
            if self._reload:
                self._reload_policy()
            if not self._know_ourselves():
                return PACE_OPEN
            tick = self._reconciler.run_to_wait()
            self._after_tick(tick)
            return _pace(tick)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001
            self._log.error("bug.survived", error=f"{type(error).__name__}: {error}", where=_where(error))
            self._raise_alarm("bug", f"{type(error).__name__}: {error}")
            return PACE_BUG

    def _after_tick(self, tick: Tick) -> None:
        if tick.state.episode is None and self._next is not None:
            self._apply_next()
        self._show(tick)

    def _show(self, tick: Tick) -> None:
        alarms = alarms_of(tick, journal=self._journal, memory=self._reconciler.memory, started=self._started)
        self._tally.polled(self._poller)
        snapshot = Snapshot(
            tick=tick,
            alarms=(*self._alarms.values(), *alarms),
            vm=self._vm_name(),
            counters=self._tally.counters(),
        )
        self._log_alarms(snapshot)
        self.board.show(snapshot)

    def _log_alarms(self, fresh: Snapshot) -> None:
        before = {alarm.kind for alarm in self.board.snapshot.alarms}
        for alarm in fresh.alarms:
            if alarm.kind not in before:
                self._log.error("alarm.raised", kind=alarm.kind, reason=alarm.reason)
        for kind in sorted(before - {alarm.kind for alarm in fresh.alarms}):
            self._log.info("alarm.cleared", kind=kind)

    def _raise_alarm(self, kind: str, reason: str) -> None:
        self._alarms[kind] = Alarm(kind=kind, reason=reason)

    # --- who am I ---

    def _know_ourselves(self) -> bool:
        """Whether acting is safe: the journal is this VM's, and no other daemon serves it.

        After a boot an open episode waits until the VM's identity was read: the disk may be a copy.
        """
        document = self._poller.latest()
        if isinstance(document, Document) and not self._vm_id:
            self._identified(document)
        if self._confirmed:
            return True
        episode = self._journal.state.episode
        return episode is not None and episode.opened.boot == self._clock.now().boot

    def _identified(self, document: Document) -> None:
        self._vm_id = document.vm.id or document.vm.name
        if not self._settings.dry_run:
            self._take_host_lock()
            self._check_journal()
        self._confirmed = True

    def _take_host_lock(self) -> None:
        try:
            self._host_lock.take(self._vm_id)
        except Transient as error:
            self._log.error("start.refused", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_LOCKED) from error

    def _check_journal(self) -> None:
        """A journal of another VM (a golden image) is set aside; nothing of it is acted on."""
        owner = self._owner()
        if owner in ("", self._vm_id):
            self._write_state(IDENTITY, self._vm_id)
            return
        aside = self._store.set_aside(f"of-{owner}")
        reason = f"the journal is of {owner}, this VM is {self._vm_id}; kept as {aside}"
        self._log.error("journal.foreign", reason=reason)
        self._raise_alarm("journal-foreign", reason)
        self._journal = Journal(self._store, self._clock)
        self._write_state(IDENTITY, self._vm_id)
        self._reconciler = self._build(self._accepted.policy)

    def _owner(self) -> str:
        episode = self._journal.state.episode
        if episode is not None and (episode.vm_id or episode.vm):
            return episode.vm_id or episode.vm
        try:
            return (self._state / IDENTITY).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    # --- policy ---

    def _reload_policy(self) -> None:
        """Validate at once; tighten at once; what else changed waits for Close."""
        self._reload = False
        try:
            fresh = load_policy(self._settings)
        except PolicyInvalid as error:
            for problem in error.problems:
                self._log.error("policy.refused", problem=str(problem))
            self._raise_alarm("policy-refused", f"{error.problems[0]}; the last accepted policy is kept")
            return
        self._alarms.pop("policy-refused", None)
        self._next = fresh
        if self._journal.state.episode is not None:
            self._reconciler.policy = tightened(self._accepted.policy, fresh.policy)
            self._log.info("policy.postponed", reason="an episode is open; only its rules apply at once")
            return
        self._apply_next()

    def _apply_next(self) -> None:
        if self._next is None:
            return
        self._accepted, self._next = self._next, None
        self._keep(self._accepted)
        for layer in self._reconciler.ports.layers:
            layer.close()
        memory = self._reconciler.memory
        self._reconciler = self._build(self._accepted.policy)
        self._reconciler.memory.seen_document = memory.seen_document
        self._reconciler.memory.said = memory.said
        self._log.info("policy.accepted", digest=self._accepted.policy.digest)

    # --- signals and listeners ---

    def _listen_to_signals(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            self._stopping.set()
            self._wake.set()

        def reload(number: int, frame: FrameType | None) -> None:
            self._reload = True
            self._wake.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, reload)

    def _start_listeners(self) -> list[Callable[[], None]]:
        """The control socket and the local endpoint: conveniences, so none of them stops the daemon."""
        from drainer.control import ControlServer
        from drainer.reporting.local import LocalEndpoint

        stops: list[Callable[[], None]] = []
        if not self._settings.dry_run:
            control = ControlServer(self.board, self._settings.socket, self._settings.control_group)
            self._start_one("control", control.start, stops, control.stop)
        if self._settings.local is not None:
            local = LocalEndpoint(self.board, self._settings.local)
            self._start_one("local", local.start, stops, local.stop)
        return stops

    def _start_one(
        self, name: str, start: Callable[[], None], stops: list[Callable[[], None]], stop: Callable[[], None]
    ) -> None:
        try:
            start()
        except (OSError, DrainerError) as error:
            self._log.warning(f"{name}.unavailable", reason=str(error))
            self._raise_alarm(f"{name}-unavailable", str(error))
            return
        stops.append(stop)

    def _stop(self, listeners: list[Callable[[], None]]) -> None:
        """Stop and touch nothing: no layer, no lease, no journal."""
        self._log.info("daemon.stopped", episode_open=self._journal.state.episode is not None)
        self._poller.stop()
        for stop in listeners:
            stop()
        for layer in self._reconciler.ports.layers:
            layer.close()
        self._host_lock.release()
        self._state_lock.release()


def _pace(tick: Tick) -> timedelta:
    """How long to rest: short while something is under way, long while the poll would wake us."""
    step = tick.step
    wake_after = getattr(step, "wake_after", None) or PACE_STEADY
    if tick.state.episode is None:
        return min(wake_after, PACE_STEADY)
    quiet = tick.state.episode.quiet_since is not None
    return min(wake_after, PACE_OPEN if quiet else PACE_THREATENED) or PACE_THREATENED


def _where(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
