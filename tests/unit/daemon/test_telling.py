"""What the log is told, and what it is not told twice."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from drainer.core.model import Instant
from drainer.core.record import Finished, Noted, Outcome
from drainer.core.step import Noting
from drainer.log import Log
from drainer.telling import Teller

NOW = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=0, boot="b")


def test_a_layer_that_was_not_changed_yet_is_not_called_given_back() -> None:
    """While a write of it is under way it reads In; once it was out, that is news. Others' always are."""
    written = io.StringIO()
    teller = Teller(Log(lambda: NOW, written))
    proof = Finished(
        step="isolate", outcome=Outcome.UNTOUCHED, kind="pending", layers=("pool",), reason="proof"
    )
    teller.outcome(proof)
    teller.recorded(Noted(what=Noting.RETURNED, layer="pool"), episode="e")
    teller.recorded(Noted(what=Noting.RETURNED, layer="probe"), episode="e")
    teller.outcome(Finished(step="isolate", outcome=Outcome.DONE, layers=("pool",)))
    teller.recorded(Noted(what=Noting.RETURNED, layer="pool"), episode="e")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    told = [(line["event"], line.get("layer", line.get("layers"))) for line in lines]
    assert told == [
        ("isolate.untouched", ["pool"]),
        ("returned.noted", "probe"),
        ("isolate.done", ["pool"]),
        ("returned.noted", "pool"),
    ]
