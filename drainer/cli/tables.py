"""JSON of ours as text for people: columns, and colour only where a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

Json = dict[str, Any]


class Colour(Enum):
    GOOD = "\x1b[32m"
    ODD = "\x1b[33m"
    BAD = "\x1b[31m"


END = "\x1b[0m"
PHASES = {"steady": Colour.GOOD, "blind": Colour.BAD, "yielded": Colour.BAD}


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their cells aligned to the left; the first is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def plain(text: str) -> str:
    """What a terminal only shows: ids, types and names come from others, and might tell it to do things."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def status_lines(status: Json, *, colour: bool) -> list[str]:
    """A status for people."""
    return list(_status(_plainly(status), colour))


def _status(status: Json, colour: bool) -> Iterator[str]:
    phase = _painted(status["phase"], PHASES.get(status["phase"], Colour.ODD), colour)
    since = f" since {status['since']}" if status["since"] else ""
    yield f"{status['vm'] or 'this VM'}: {phase}{since} ({status['reason']})"
    if status["document"] is not None:
        yield f"document  {_document(status['document'])}"
    yield from _episode(status)
    yield from _wishes(status["wishes"])
    for gate in status["gates"]:
        yield f"gate      {gate['name']}{' (hard)' if gate['hard'] else ''} {gate['reason']}".rstrip()
    for alarm in status["alarms"]:
        yield _painted(f"alarm     {alarm['kind']}: {alarm['reason']}", Colour.BAD, colour)
    yield from _table("LAYER FACE WAS ENTRIES", ([*_layer(layer)] for layer in status["layers"]))
    yield from _table("NOTICE TYPE STATUS NOT-BEFORE DOES DUE", (_notice(each) for each in status["notices"]))


def _document(document: Json) -> str:
    if not document["readable"]:
        return f"unreadable: {document['kind']}: {document['reason']}"
    return f"{document['source']}, {document['age_s']:g} s old"


def _episode(status: Json) -> Iterator[str]:
    episode = status["episode"]
    if episode is None:
        return
    yield f"episode   {episode['id']}, opened {episode['opened']}"
    if episode["force_at"]:
        yield f"force     {episode['force_at']}"
    if episode["proven"] is not None and not episode["quiet_since"]:
        flight = status["in_flight"]
        left = flight["reason"] if flight["count"] is None else f"{flight['count']} in flight"
        yield f"drain     {'proven' if episode['proven'] else f'not proven: {left}'}"


def _wishes(wishes: Json) -> Iterator[str]:
    drain = wishes["drain"]
    if drain:
        yield f"wish      drain until {drain['until'] or 'the next boot'}: {drain['reason']}"
    if wishes["hold_until"]:
        yield f"wish      hold until {wishes['hold_until']}"
    if wishes["force_at"]:
        yield f"wish      force since {wishes['force_at']}"
    if wishes["skips"]:
        yield f"wish      skip {', '.join(wishes['skips'])}"


def _layer(layer: Json) -> list[str]:
    entries = ", ".join(f"{entry['name']} {entry['standing']}" for entry in layer["entries"])
    return [layer["name"], layer["face"], layer["was"] or "-", layer["reason"] or entries or "-"]


def _notice(notice: Json) -> list[str]:
    told = (notice[name] for name in ("id", "type", "status", "not_before", "does", "due_at"))
    return [cell or "-" for cell in told]


def history_lines(history: Json) -> list[str]:
    """A history for people; one line where there is none."""
    return list(_history(_plainly(history))) or ["no episode yet"]


def _plainly(told: Any) -> Any:
    match told:
        case str():
            return plain(told)
        case list():
            return [_plainly(each) for each in told]
        case dict():
            return {name: _plainly(each) for name, each in told.items()}
        case _:
            return told


def _history(history: Json) -> Iterator[str]:
    for episode in history["episodes"]:
        yield f"{episode['id']}  {episode['opened']} to {episode['closed'] or 'now (open)'}"
        yield from _events(episode["events"])
        if episode["closed"] is None:
            yield from _undo(episode["events"])
    if history["wishes"]:
        yield "outside any episode"
        yield from _events(history["wishes"])


def _events(events: Iterable[Json]) -> Iterator[str]:
    rows = [[f"  {event['at']}", event["event"], _about(event)] for event in events]
    yield from columns(rows)


def _undo(events: Iterable[Json]) -> Iterator[str]:
    """The commands by which a person undoes what is owed still, each once."""
    commands = dict.fromkeys(command for event in events for command in event["undo"])
    if commands:
        yield "  to undo it by hand:"
        yield from (f"    {command}" for command in commands)


def _about(event: Json) -> str:
    subjects = [*event["layers"], event["event_id"], event["stage"], event["phase"], event["kind"]]
    told = " ".join(str(subject) for subject in subjects if subject)
    by = f"by {event['by']}" if event["by"] else ""
    return "  ".join(part for part in (told, by, event["reason"]) if part)


def _table(heading: str, rows: Iterable[list[str]]) -> Iterator[str]:
    filled = list(rows)
    if filled:
        yield ""
        yield from columns([heading.split(), *filled])


def _painted(text: str, colour: Colour, wanted: bool) -> str:
    return f"{colour.value}{text}{END}" if wanted else text
