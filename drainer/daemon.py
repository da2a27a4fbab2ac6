"""The daemon: locks, threads, signals, the loop. It decides nothing and knows no adapter.

SIGTERM stops and touches nothing; the next start continues. SIGHUP reads the policy again.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from drainer.alarms import alarms_of
from drainer.board import Alarm, Board, Snapshot
from drainer.clock import SystemClock
from drainer.core.model import Document, Vm
from drainer.core.policy import Policy
from drainer.dryrun import dry
from drainer.errors import DrainerError, PolicyInvalid, Transient
from drainer.hooks import HookRan
from drainer.hostlock import HostLock
from drainer.log import Log
from drainer.ownership import leave_identity, owner_of
from drainer.poller import Poller
from drainer.reconcile import Reconciler, Tick
from drainer.ruling import Ruling
from drainer.settings import Settings
from drainer.statedir import StateDirectory
from drainer.stopped import EXIT_CONFIGURATION, EXIT_LOCKED, EXIT_OK, Stopped
from drainer.tally import Tally
from drainer.wiring import build_ports, event_feed

PACE_THREATENED = timedelta(milliseconds=250)
PACE_OPEN = timedelta(milliseconds=500)
PACE_STEADY = timedelta(seconds=30)
PACE_BUG = timedelta(seconds=1)


def run(settings: Settings) -> int:
    """Serve until SIGTERM. Exits 0, 78 (configuration), 75 (locked) or 1 (state unwritable at start)."""
    clock = SystemClock(settings.boot_id)
    log = Log(clock.now, always={"dry_run": True} if settings.dry_run else {})
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
        self._alarms: dict[str, Alarm] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._reload = False
        self._host_lock = HostLock()
        self._directory = StateDirectory(
            settings.state, clock=clock, log=log, alarm=self._raise_alarm, dry_run=settings.dry_run
        )
        self._journal = self._directory.journal()
        episode = self._journal.state.episode
        self._ruling = Ruling(
            settings, directory=self._directory, episode=episode, log=log, alarm=self._raise_alarm
        )
        self._poller = self._start_feed()
        self._confirmed = episode is None
        self._vm: Vm | None = None
        self._tally = Tally()
        self._reconciler = self._build(self._ruling.policy)
        self.board = Board(self._wake.set)
        self._started = clock.now()

    # --- start ---

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
        self._log.info("daemon.started", state=str(self._settings.state))
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
        if tick.state.episode is None and self._ruling.is_postponed:
            self._rule_by(self._ruling.take_next())
        self._show(tick)

    def _show(self, tick: Tick) -> None:
        alarms = alarms_of(tick, journal=self._journal, memory=self._reconciler.memory, started=self._started)
        self._tally.polled(self._poller)
        self._tally.saw(tick.state.episode)
        snapshot = Snapshot(
            tick=tick,
            alarms=(*self._alarms.values(), *alarms),
            vm=self._vm_name(),
            policy=self._reconciler.policy.digest,
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
        if isinstance(document, Document) and self._vm is None:
            self._identified(document.vm)
        if self._confirmed:
            return True
        episode = self._journal.state.episode
        return episode is not None and episode.opened.boot == self._clock.now().boot

    def _identified(self, vm: Vm) -> None:
        if not self._settings.dry_run:
            self._take_host_lock(vm)
            self._check_journal(vm)
        self._vm = vm
        self._confirmed = True

    def _take_host_lock(self, vm: Vm) -> None:
        try:
            self._host_lock.take(vm.id or vm.name)
        except Transient as error:
            self._log.error("start.refused", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_LOCKED) from error

    def _check_journal(self, vm: Vm) -> None:
        """A journal of another VM is set aside; nothing of it is acted on."""
        owner = owner_of(self._directory, self._journal.state.episode)
        if owner.is_other_than(vm):
            aside = self._directory.store.set_aside(f"of-{owner}")
            reason = f"the journal is of {owner}, this VM is {vm.name}; kept as {aside}"
            self._log.error("journal.foreign", reason=reason)
            self._raise_alarm("journal-foreign", reason)
            self._journal = self._directory.journal()
            self._reconciler = self._build(self._ruling.policy)
        leave_identity(self._directory, vm)

    # --- policy ---

    def _reload_policy(self) -> None:
        """Validate at once; tighten at once; what else changed waits for Close."""
        self._reload = False
        self._alarms.pop("policy-refused", None)
        episode = self._journal.state.episode
        policy = self._ruling.reload(episode)
        if policy is None:
            return
        if episode is None:
            self._rule_by(policy)
        else:
            self._reconciler.policy = policy

    def _rule_by(self, policy: Policy) -> None:
        """New ports for a new policy; what this life remembers of the document stays."""
        for layer in self._reconciler.ports.layers:
            layer.close()
        memory = self._reconciler.memory
        self._reconciler = self._build(policy)
        self._reconciler.memory.seen_document = memory.seen_document
        self._reconciler.memory.said = memory.said
        self._reconciler.memory.told = memory.told

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
        """The control socket and the local endpoint: conveniences, so none of them stops the daemon.

        A dry run has neither: what it believes must not be mistaken for what is.
        """
        from drainer.control import ControlServer
        from drainer.reporting.local import LocalEndpoint

        stops: list[Callable[[], None]] = []
        if self._settings.dry_run:
            return stops
        control = ControlServer(
            self.board,
            self._settings.socket,
            self._settings.control_group,
            state=self._settings.state,
            clock=self._clock,
        )
        self._start_one("control", control.start, stops, control.stop)
        if self._settings.local is not None:
            local = LocalEndpoint(self.board, self._settings.local, clock=self._clock)
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
        self._directory.release()


def _pace(tick: Tick) -> timedelta:
    """How long to rest: short while something is under way, long while the poll would wake us."""
    wake_after: timedelta | None = getattr(tick.step, "wake_after", None)
    pace = _pace_of(tick)
    return (pace if wake_after is None else min(wake_after, pace)) or PACE_THREATENED


def _pace_of(tick: Tick) -> timedelta:
    """A balancer that could not be read wakes nobody when it is back: under threat it is asked soon again."""
    episode = tick.state.episode
    if episode is None:
        return PACE_STEADY if tick.assessment.threat is None else PACE_THREATENED
    return PACE_THREATENED if episode.quiet_since is None else PACE_OPEN


def _where(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
