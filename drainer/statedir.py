"""The state directory at start: locked, its journal read, small files written whole.

It refuses to start where nothing could be recorded, unless the journal says that something is to be given
back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drainer.errors import Broken, Transient
from drainer.fresh import anew, readable
from drainer.journal import FileStore, Journal, MemoryStore, StateLock
from drainer.log import Log
from drainer.ports import Clock
from drainer.stopped import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_LOCKED, Stopped

RaiseAlarm = Callable[[str, str], None]
"""Called with a kind and a reason."""


class StateDirectory:
    """One directory, this process's until it ends. A dry run keeps everything in memory."""

    def __init__(self, path: Path, *, clock: Clock, log: Log, alarm: RaiseAlarm, dry_run: bool) -> None:
        """Raises Stopped: held by another (75), not writable with nothing to give back (1), or a dry run
        over an open episode (78)."""
        self.path = path
        self._clock = clock
        self._log = log
        self._dry_run = dry_run
        self._lock = StateLock(path)
        self.store: FileStore | MemoryStore = FileStore(path, altered=self._say_altered)
        if dry_run:
            self._refuse_over_open_episode()
            self.store = MemoryStore()
        else:
            self._take(alarm)

    def journal(self) -> Journal:
        """The journal as it stands on the disk. Raises Stopped where it cannot be read at all."""
        try:
            journal = Journal(self.store, self._clock)
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

    def reserve(self, *, episode_open: bool, alarm: RaiseAlarm) -> None:
        """Keep room for an episode.

        Raises Stopped (1) where none could be recorded and nothing is to be given back. A disk that is only
        full may have room again: that is left to an alarm.
        """
        try:
            self.store.reserve()
        except Broken as error:
            if error.kind == "journal-full":
                return
            self._log.error("state.unwritable", path=str(self.path), reason=str(error))
            if not episode_open:
                raise Stopped(EXIT_FAILED) from error
            alarm("state-unwritable", str(error))

    def read(self, name: str) -> str | None:
        """A small file's text; None where there is none to be read."""
        try:
            with open(self.path / name, encoding="utf-8", opener=readable) as opened:
                return opened.read()
        except (OSError, ValueError):
            return None

    def write(self, name: str, text: str) -> None:
        """A small file, whole or not at all, mode 0600. A failure is logged: nothing rests on these files."""
        if self._dry_run:
            return
        fresh = self.path / f".{name}.new"
        try:
            with open(fresh, "w", encoding="utf-8", opener=anew) as opened:
                opened.write(text)
            fresh.replace(self.path / name)
        except OSError as error:
            self._log.warning("state.unwritten", file=name, reason=str(error))

    def _say_altered(self, reason: str) -> None:
        self._log.warning("journal.rewritten", reason=reason)

    def release(self) -> None:
        self._lock.release()

    def _take(self, alarm: RaiseAlarm) -> None:
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock.take()
        except Transient as error:
            self._log.error("start.refused", kind=error.kind, reason=error.reason)
            raise Stopped(EXIT_LOCKED) from error
        except (Broken, OSError) as error:
            self._log.error("state.unwritable", path=str(self.path), reason=str(error))
            if self._open_episode() is None:
                raise Stopped(EXIT_FAILED) from error
            alarm("state-unwritable", str(error))

    def _refuse_over_open_episode(self) -> None:
        episode = self._open_episode()
        if episode is None:
            return
        self._log.error(
            "start.refused",
            kind="episode-open",
            reason=f"{self.path} holds the open episode {episode}; a dry run would mislead. Start without "
            "--dry-run, or give another --state",
        )
        raise Stopped(EXIT_CONFIGURATION)

    def _open_episode(self) -> str | None:
        try:
            episode = Journal(FileStore(self.path), self._clock).state.episode
        except Broken:
            return None
        return episode.id if episode else None
