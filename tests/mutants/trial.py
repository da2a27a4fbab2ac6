"""Each mutant against the tests that run its function: a fork per mutant, the cheapest tests first.

A plugin of pytest. The tests are collected once and run once unchanged, which says what each costs and which
functions of the core it runs; then every mutant is tried in a fork of that process, up to its first failure.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from types import CodeType, FrameType

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.mutants.judged import Mutant
from tests.mutants.made import Made

PATIENCE = 4
"""A mutant may take this many times what its tests take unchanged, and `GRACE_S` more; then it loops."""

GRACE_S = 15
WALL_S = 900
"""No trial lasts longer, however little of a core it gets."""


class Fate(Enum):
    """What became of one mutant."""

    KILLED = "killed"
    ENDLESS = "endless"  # it ran until its time was over, which no shipped code does
    SURVIVED = "survived"


@dataclass(slots=True)
class Trials:
    """The plugin. `told` hears each mutant's fate and what killed it; `failed`: tests that fail unchanged."""

    made: list[Made]
    children: int
    told: Callable[[Mutant, Fate, str], None]
    failed: list[str] = field(default_factory=list)
    _cost_s: dict[str, float] = field(default_factory=dict)
    _runs: dict[CodeType, list[pytest.Item]] = field(default_factory=lambda: defaultdict(list))
    _kills: Counter[tuple[CodeType, str]] = field(default_factory=Counter)
    _under_trial: dict[int, tuple[Made, int]] = field(default_factory=dict)

    def pytest_sessionstart(self) -> None:
        """The same examples for every mutant, and none remembered."""
        settings.register_profile("mutation", deadline=None, max_examples=50, derandomize=True, database=None)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """A failure without its traceback, which nobody reads and which costs more than most tests."""
        if call.excinfo is None or call.excinfo.errisinstance(pytest.skip.Exception):
            return None
        call.excinfo.value.__traceback__ = None
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=None,
            when="call",
        )

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for item in session.items:
            self._run_unchanged(item)
        if self.failed:
            return True
        gc.freeze()
        for made in self.made:
            while len(self._under_trial) >= self.children:
                self._await_one()
            self._try(made)
        while self._under_trial:
            self._await_one()
        return True

    def _run_unchanged(self, item: pytest.Item) -> None:
        wanted = {made.shipped.__code__ for made in self.made}
        met: set[CodeType] = set()

        def look(frame: FrameType, event: str, arg: object) -> None:
            if frame.f_code in wanted:
                met.add(frame.f_code)

        began = time.process_time()
        sys.settrace(look)
        try:
            passed = _passes(item)
        finally:
            sys.settrace(None)
        self._cost_s[item.nodeid] = time.process_time() - began
        if not passed:
            self.failed.append(item.nodeid)
        for code in met:
            self._runs[code].append(item)

    def _try(self, made: Made) -> None:
        code = made.shipped.__code__
        tests = sorted(self._runs[code], key=lambda item: self._worth(code, item))
        hears, tells = os.pipe()
        child = os.fork()
        if child == 0:
            _limit(sum(self._cost_s[item.nodeid] for item in tests))
            gc.disable()
            made.take_place()
            killer = next((item.nodeid for item in tests if _kills(item)), "")
            os.write(tells, killer.encode())
            os._exit(1 if killer else 0)
        os.close(tells)
        self._under_trial[child] = (made, hears)

    def _worth(self, code: CodeType, item: pytest.Item) -> float:
        """Cheap tests first, and before them those that killed other mutants of the same function."""
        return self._cost_s[item.nodeid] / (1 + 50 * self._kills[code, item.nodeid])

    def _await_one(self) -> None:
        child, status = os.wait()
        made, hears = self._under_trial.pop(child)
        with os.fdopen(hears, "rb") as told:
            killer = told.read().decode()
        self._kills[made.shipped.__code__, killer] += 1
        self.told(made.mutant, _fate(status), killer)


def _fate(status: int) -> Fate:
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        return Fate.ENDLESS
    return Fate.SURVIVED if code == 0 else Fate.KILLED


def _kills(item: pytest.Item) -> bool:
    """Whether it fails, and again: on a machine under load a test may fail once without any mutant."""
    return not _passes(item) and not _passes(item)


def _passes(item: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=None)
    return not any(report.failed for report in reports)


def _limit(cost_s: float) -> None:
    """The trial ends by itself where the mutant never would, or eats all memory."""
    cpu_s = int(cost_s * PATIENCE) + GRACE_S
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
