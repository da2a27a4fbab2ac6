"""The traffic in a process of its own, so that nothing of the demo can slow it; results come as lines.

`python -m drainer.demo.load HOST:PORT RATE FILE SECONDS` sends until SIGTERM, at most so long, then
waits for every answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from drainer.demo import traffic
from drainer.demo.machine import started
from drainer.demo.plan import Kind, Plan, Result, Why

LONGEST_S = 900.0
"""However the demo ends, the traffic does by then."""


class Load:
    """The traffic as the demo sees it: start, count, stop, results."""

    def __init__(self, address: str, root: Path, *, rate: float, longest_s: float = LONGEST_S) -> None:
        self._file = root / "results.jsonl"
        self._log = root / "traffic.log"
        self._command = [
            *(sys.executable, "-P", "-m", "drainer.demo.load"),
            *(address, f"{rate:g}", str(self._file), f"{longest_s:g}"),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: Thread | None = None
        self._ended = Event()
        self.results: list[Result] = []
        self.answered: Callable[[Result], None] = lambda result: None

    @property
    def asked(self) -> int:
        """Requests that came to their end."""
        return len(self.results)

    def start(self) -> None:
        self._file.touch()
        self._process = started(self._command, self._log)
        self._reading = Thread(target=self._read, name="results", daemon=True)
        self._reading.start()

    def stop(self) -> None:
        """No new requests; wait for every answer and read every result. Raises where the traffic broke."""
        if self._process is None or self._reading is None:
            return
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        self._ended.set()
        self._reading.join(timeout=30)
        self._process = None
        if code != 0:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"the traffic ended with {code}:\n{said}")

    def _read(self) -> None:
        with self._file.open(encoding="utf-8") as lines:
            torn = ""
            while True:
                last_look = self._ended.is_set()
                line = torn + lines.readline()
                if line.endswith("\n"):
                    torn = ""
                    self._take(line)
                    continue
                torn = line
                if last_look:
                    return
                self._ended.wait(0.05)

    def _take(self, line: str) -> None:
        said = json.loads(line)
        why = said.pop("why")
        result = Result(**{**said, "kind": Kind(said["kind"])}, why=None if why is None else Why(why))
        self.results.append(result)
        self.answered(result)


async def _send(address: str, rate: float, file: Path, longest_s: float) -> None:
    host, _, port = address.rpartition(":")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plan = Plan(host=host, port=int(port), rate=rate, duration_s=longest_s)
    with file.open("a", encoding="utf-8", buffering=1) as lines:
        await traffic.run(
            plan, lambda result: print(json.dumps(dataclasses.asdict(result)), file=lines), stop=stop
        )


if __name__ == "__main__":
    asyncio.run(_send(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
