"""`metadata-server` as a program: started, read until it is ready, and always ended."""

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

COMMAND = (sys.executable, "-m", "metadata_server")
_PATIENCE_S = 20.0


class Program:
    """One `serve` process; a context manager that kills what is left."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines = self._until_ready()

    def address(self, *words: str) -> str:
        """The last word of the line that begins with these."""
        [line] = [line for line in self.lines if line.split()[: len(words)] == list(words)]
        return line.split()[-1]

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def _until_ready(self) -> list[str]:
        """All that it printed up to `ready`; a program that hangs meets the timeout of the test."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if lines[-1] == "ready":
                return lines
        raise AssertionError(f"the program ended before it was ready: {lines}")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One other command, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )


def words(result: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """What a command that succeeded printed."""
    assert result.returncode == 0, result.stderr
    return result.stdout.split()
