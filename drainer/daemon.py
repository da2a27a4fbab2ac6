"""The daemon: locks, threads, signals, the loop. It decides nothing and knows no adapter.

SIGTERM stops and touches nothing; the next start continues. SIGHUP reads the policy again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from drainer import pace
from drainer.alarms import Scene
from drainer.clock import SystemClock
from drainer.core.model import Document, Vm
from drainer.core.policy import Policy
from drainer.core.record import Finished, Opened
from drainer.core.step import Step
from drainer.core.wish import Adopt, Wish
from drainer.display import Display
from drainer.dryrun import dry
from drainer.errors import Broken, PolicyInvalid
from drainer.hooks import HookRan
from drainer.listeners import started
from drainer.log import Log
from drainer.lostjournal import Search
from drainer.notices import notices_of
from drainer.ownership import Claim, Ownership
from drainer.poller import Poller
from drainer.reconcile import Reconciler, Tick
from drainer.ruling import Ruling
from drainer.selfcheck import DOCTOR, SelfCheck
from drainer.settings import Settings
from drainer.statedir import StateDirectory
from drainer.stopped import EXIT_CONFIGURATION, EXIT_OK, Stopped
from drainer.supervisor import Supervisor
from drainer.tally import Tally
from drainer.wake import Wake
from drainer.wiring import build_ports, event_feed, uses_azure


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
        self._wake = Wake()
        self._stopping = False
        self._supervisor = Supervisor(os.environ)
        self._display = Display(self._wake.call, log=log, supervisor=self._supervisor)
        self._reload = False
        self._listen_to_reloads()
        alarm = self._display.raise_alarm
        self._directory = StateDirectory(
            settings.state, clock=clock, log=log, alarm=alarm, dry_run=settings.dry_run
        )
        self._journal = self._directory.journal()
        episode = self._journal.state.episode
        self._directory.reserve(episode_open=episode is not None, alarm=alarm)
        self._ruling = Ruling(settings, directory=self._directory, episode=episode, log=log, alarm=alarm)
        self._poller = self._start_feed()
        self._ownership = Ownership(episode, clock=clock, directory=self._directory, log=log, alarm=alarm)
        self._search: Search | None = None
        self._selfcheck = SelfCheck(
            settings,
            clock,
            log=log,
            alarm=alarm,
            clear=self._display.clear_alarm,
            command=DOCTOR if uses_azure(self._ruling.policy) else (),
        )
        self._tally = Tally()
        self._reconciler = self._build(self._ruling.policy)
        self._display.recorded(self._journal.state)
        self._started = clock.now()

    # --- start ---

    def _start_feed(self) -> Poller:
        try:
            feed = event_feed(self._settings, self._clock)
        except PolicyInvalid as error:
            self._log.error("start.refused", problem=str(error.problems[0]))
            raise Stopped(EXIT_CONFIGURATION) from error
        return Poller(feed, self._clock, changed=self._wake.call)

    def _build(self, policy: Policy) -> Reconciler:
        ports = build_ports(
            policy,
            self._settings,
            clock=self._clock,
            feed=self._poller,
            vm_name=self._vm_name,
            stopping=lambda: self._stopping,
            meanwhile=self._supervisor.alive,
            hook_ran=self._hook_ran,
        )
        ports = dry(ports) if self._settings.dry_run else ports
        reconciler = Reconciler(ports=ports, journal=self._journal, policy=policy, log=self._log)
        reconciler.acted = self._acted
        return reconciler

    def _acted(self, step: Step, outcomes: tuple[Finished, ...]) -> None:
        self._supervisor.alive()
        self._tally.acted(step, outcomes)

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
        board, alarm = self._display.board, self._display.raise_alarm
        listeners = started(board, self._settings, self._clock, log=self._log, alarm=alarm)
        self._log.info("daemon.started", state=str(self._settings.state))
        self._supervisor.ready()
        self._poller.start()
        try:
            while not self._stopping:
                self._supervisor.alive()
                self._wake.wait(self._turn().total_seconds())
        finally:
            self._stop(listeners)

    def _turn(self) -> timedelta:
        """Wishes, a reload, ticks, and what to show. The one place where a bug of ours is survived."""
        try:
            self._display.board.take_wishes(self._grant)
            if self._reload:
                self._reload_policy()
            if not self._know_ourselves():
                self._show(None)
                return pace.OPEN
            if not self._marks_heard():
                return pace.THREATENED
            self._selfcheck.turn(may_run=self._nothing_announced())
            tick = self._reconciler.run_to_wait()
            self._after_tick(tick)
            return pace.pace(tick)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001
            self._log.error("bug.survived", error=f"{type(error).__name__}: {error}", where=_where(error))
            self._display.raise_alarm("bug", f"{type(error).__name__}: {error}")
            self._display.broken_off()
            return pace.AFTER_BUG

    def _grant(self, wish: Wish, by: str) -> None:
        """Raises Broken: it could not be recorded, so it is not granted."""
        self._reconciler.wish(wish, by=by)
        if isinstance(wish, Adopt):
            self._display.clear_alarm("marks-unread")

    def _after_tick(self, tick: Tick) -> None:
        self._journal.keep_ready()
        if tick.state.episode is None:
            self._display.clear_alarm("policy-changed")
            if self._ruling.is_postponed:
                self._rule_by(self._ruling.take_next())
        self._show(tick)

    def _show(self, tick: Tick | None) -> None:
        """`tick` None: nothing may be decided yet."""
        scene = Scene(
            now=tick.seen.now if tick else self._clock.now(),
            document=tick.seen.document if tick else self._poller.latest(),
            tick=tick,
            journal=self._journal,
            memory=self._reconciler.memory,
            started=self._started,
        )
        self._tally.polled(self._poller)
        self._tally.saw(scene.episode)
        self._display.ticked(
            scene,
            layers=self._reconciler.ports.layers,
            vm=self._vm_name(),
            policy=self._reconciler.policy.digest,
            counters=self._tally.counters(),
        )

    # --- who am I ---

    def _know_ourselves(self) -> bool:
        """Whether acting is safe: the journal is this VM's, and no other daemon serves it."""
        document = self._poller.latest()
        if isinstance(document, Document) and not self._ownership.is_settled:
            self._identified(document.vm)
        return self._ownership.may_act(self._journal.state.episode)

    def _identified(self, vm: Vm) -> None:
        if self._settings.dry_run:
            self._ownership.is_settled = True
            return
        claim = self._ownership.claim(vm, self._journal.state.episode)
        if claim is Claim.REFUSED:
            return
        if claim is Claim.SET_ASIDE:
            self._journal = self._directory.journal()
            self._reconciler = self._build(self._ruling.policy)
        self._ownership.is_settled = True
        records = self._journal.loaded.records
        if not self._journal.broken and not any(isinstance(record.body, Opened) for record in records):
            layers = self._reconciler.ports.layers
            self._search = Search(clock=self._clock, layers=layers, vm=vm)

    def _marks_heard(self) -> bool:
        """Where the journal knows of no episode the balancers' marks are asked first: it may be lost, and
        this VM out."""
        search = self._search
        if search is None:
            return True
        if not search.look():
            return False
        if search.ours and not self._adopted(search):
            return False
        self._search = None
        if search.unanswered:
            told = "; ".join(f"{name}: {why}" for name, why in search.unanswered.items())
            self._display.raise_alarm(
                "marks-unread", f"whether this VM is out by our hand could not be read: {told}"
            )
        return True

    def _adopted(self, search: Search) -> bool:
        """Whether it is on record that this VM is out by our hand: until then it is asked for again."""
        try:
            self._reconciler.wish(Adopt(layers=search.ours), by="the balancer's own mark")
        except Broken as error:
            self._display.raise_alarm(
                "state-unwritable", f"this VM is out by our hand, unrecorded: {error.reason}"
            )
            self._show(None)
            return False
        self._log.warning("journal.rebuilt", layers=",".join(search.ours))
        self._display.clear_alarm("state-unwritable")
        return True

    def _nothing_announced(self) -> bool:
        document = self._poller.latest()
        announced = not isinstance(document, Document) or bool(notices_of(document))
        return self._journal.state.episode is None and not announced

    # --- policy ---

    def _reload_policy(self) -> None:
        """Validate at once; tighten at once; what else changed waits for Close."""
        self._reload = False
        self._display.clear_alarm("policy-refused")
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
        self._reconciler.memory.carry_on(memory)

    # --- signals ---

    def _listen_to_reloads(self) -> None:
        """From the first moment on: unheard it would end a daemon that is just being started."""

        def reload(number: int, frame: FrameType | None) -> None:
            self._reload = True

        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, reload)

    def _listen_to_signals(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            self._stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self._wake.hear_signals()

    def _stop(self, listeners: list[Callable[[], None]]) -> None:
        """Stop and touch nothing: no layer, no lease, no journal."""
        self._wake.ignore_signals()
        self._supervisor.stopping()
        self._log.info("daemon.stopped", episode_open=self._journal.state.episode is not None)
        self._poller.stop()
        self._selfcheck.stop()
        for stop in listeners:
            stop()
        for layer in self._reconciler.ports.layers:
            layer.close()
        self._ownership.release()
        self._directory.release()


def _where(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
