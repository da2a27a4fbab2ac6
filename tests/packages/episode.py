"""An episode by the health probe, whatever the program is run by."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sidecar import Stand


def complete(stand: Stand, program: Sequence[str]) -> None:
    """From notice to restored; a failed assertion where it is not."""
    one = stand.sidecar
    one.start(prefix=program)
    event = stand.schedule()
    one.until_said("acknowledge.done")
    assert one.marker.exists()
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert one.stop() == 0
    assert one.steps() == ["cordon", "acknowledge", "restore"]
