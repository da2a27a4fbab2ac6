"""`drainer doctor` once in a daemon's life, in a process of its own, at a random moment after the start.

Never waited for. What it refuses becomes an alarm; what it said is kept beside the journal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any

from drainer.core.model import Instant, elapsed
from drainer.fresh import private
from drainer.log import Log
from drainer.machine import THIS
from drainer.ports import Clock
from drainer.settings import FLAGS, Settings

SPREAD = timedelta(seconds=60)
"""A fleet that starts together asks at moments that differ by so much."""

DOCTOR = (sys.executable, "-P", "-m", "drainer", "doctor", "--json")
LIMIT = timedelta(minutes=5)
KEPT_AS = "doctor.json"
FORWARDED = (
    *("metadata-url", "source", "vm-name", "policy", "state"),
    *("management-url", "management-ca", "identity"),
)
"""Every setting that `drainer doctor` knows."""


class SelfCheck:
    """Starts the doctor once nothing is announced, ends it as soon as something is."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        log: Log,
        alarm: Callable[[str, str], None],
        clear: Callable[[str], None],
        command: tuple[str, ...] = (),
    ) -> None:
        """`command` (): there is nothing worth a doctor here."""
        self._settings = settings
        self._clock = clock
        self._log = log
        self._alarm = alarm
        self._clear = clear
        self._command = command
        self._over = settings.dry_run or not command
        self._rests_for = SPREAD * (int.from_bytes(os.urandom(4)) / 2**32)
        self._began: Instant | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def turn(self, *, may_run: bool) -> None:
        """One look; never blocks. `may_run`: nothing is announced and nothing is owed."""
        if self._over:
            return
        self._began = self._began or self._clock.now()
        waited = elapsed(self._began, self._clock.now())
        if not may_run:
            self._end()
        elif self._process is None and waited >= self._rests_for:
            self._start()
        elif self._process is not None:
            self._watch(waited)

    @property
    def running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """End what runs; nothing more is started."""
        self._over = True
        self._end()

    def _start(self) -> None:
        report = self._settings.state / KEPT_AS
        try:
            with open(report, "wb", opener=private) as out:
                self._process = subprocess.Popen(
                    [*self._command, *arguments(self._settings)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError as error:
            self._over = True
            self._log.warning("doctor.unavailable", reason=str(error))

    def _watch(self, waited: timedelta) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            if waited > self._rests_for + LIMIT:
                self._over = True
                self._end()
                self._log.warning("doctor.unavailable", reason=f"no end within {LIMIT}")
            return
        code, self._process, self._over = self._process.returncode, None, True
        self._tell(code)

    def _tell(self, code: int) -> None:
        refused = [check for check in self._checks() if check.get("verdict") == "refused"]
        self._log.info("doctor.finished", code=code, refused=",".join(str(c.get("name")) for c in refused))
        self._clear("doctor-refused")
        if refused:
            told = "; ".join(f"{c.get('name')}: {c.get('reason')}" for c in refused)
            self._alarm("doctor-refused", f"{told}. `drainer doctor` says more")

    def _checks(self) -> list[dict[str, Any]]:
        try:
            said = json.loads((self._settings.state / KEPT_AS).read_bytes())
        except (OSError, ValueError, RecursionError):
            return []
        checks = said.get("checks") if isinstance(said, dict) else None
        return [each for each in checks if isinstance(each, dict)] if isinstance(checks, list) else []

    def _end(self) -> None:
        """It starts anew once nothing is announced any more."""
        process, self._process = self._process, None
        if process is None:
            return
        THIS.end(process.pid)
        process.wait()


def arguments(settings: Settings) -> list[str]:
    """The settings as they are in force here."""
    default = Settings()
    given = []
    for name in FORWARDED:
        value = getattr(settings, FLAGS[name].field)
        if value != getattr(default, FLAGS[name].field):
            given += [FLAGS[name].option, str(value.value if isinstance(value, Enum) else value)]
    return given
