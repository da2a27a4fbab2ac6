"""What is worth a log line: each thing once, when it changes.

Says; it must not judge. Alarms that stand are views of a tick and live elsewhere.
"""

from __future__ import annotations

from drainer.act import Touching
from drainer.acted import UNDER_WAY
from drainer.core.assess import Assessment, Observation
from drainer.core.model import Document, Garbled
from drainer.core.policy import Do
from drainer.core.record import Body, Closed, Finished, Intended, Joined, Noted, Opened, Outcome, Wished
from drainer.core.step import Cordon, Hook, Isolate, Noting, Restore, Step, name_of
from drainer.core.threat import Sighting
from drainer.core.wish import Skip, Wish
from drainer.errors import Broken
from drainer.log import Level, Log
from drainer.memory import Memory, Met
from drainer.ports import SystemLog
from drainer.recording import WHY, vm_of

LOUD = {
    Outcome.FAILED: Level.WARNING,
    Outcome.UNTOUCHED: Level.WARNING,
    Outcome.REFUSED: Level.ERROR,
}


class Teller:
    """Writes to the log, and what the policy only logs to the machine's own log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._under_way: dict[tuple[str, str], str] = {}

    def notices(
        self,
        seen: Observation,
        assessment: Assessment,
        memory: Memory,
        system_log: SystemLog | None,
    ) -> None:
        """Say what is new in the document. `system_log` None: the policy keeps out of the machine's log."""
        if not isinstance(seen.document, Document):
            return
        listed = {event.id for event in seen.document.events}
        for event_id in memory.told.keys() - listed:
            del memory.told[event_id]
        for sighting in assessment.outlook.sightings:
            said = f"{sighting.event.status.value} {_does(sighting)}"
            if memory.told.get(sighting.event.id) == said:
                continue
            memory.told[sighting.event.id] = said
            self._notice(sighting, memory.met.get(sighting.event.id))
            if sighting.rule.do is Do.LOG and not sighting.threat and system_log is not None:
                system_log.write("warning", _sentence(sighting.event.type, vm_of(seen).name))

    def _notice(self, sighting: Sighting, met: Met | None) -> None:
        event = sighting.event
        if sighting.rule.do is Do.IGNORE and not sighting.threat:
            return
        values: dict[str, object] = {"notice": event.id, "type": event.type, "status": event.status.value}
        values |= {"does": _does(sighting), "due_at": sighting.due_at}
        if isinstance(event.not_before, Garbled):
            values["not_before_reads"] = event.not_before.text
        if met is not None and met.started_early:
            values["acknowledged"] = "elsewhere"
        self._log.info("notice.seen", **values)

    def wished(self, wish: Wish, *, by: str) -> None:
        if isinstance(wish, Skip) and wish.why != "operator":
            self._log.info("notice.skipped", notice=wish.event_id, why=wish.why)
        else:
            self._log.info("wish.recorded", wish=name_of_wish(wish), by=by)

    def recorded(self, body: Body, *, episode: str) -> None:
        """A step that is nothing but its record."""
        match body:
            case Opened():
                types = [terms.type for terms in body.terms]
                self._log.info("episode.opened", episode=body.episode, notices=types, vm=body.vm)
            case Closed():
                self._log.info("episode.closed", episode=episode)
            case Noted(what=Noting.RETURNED) if self._is_written(body.layer):
                return  # it reads In because nothing of it was changed so far, which was said
            case Noted():
                self._log.info(f"{body.what.value}.noted", layer=body.layer, reason=WHY[body.what])
            case Joined():
                self._log.info("layers.joined", layers=list(body.layers))
            case Intended() | Finished() | Wished():
                return

    def intended(self, step: Touching, row: str, undo: tuple[str, ...]) -> None:
        if self._is_asked_again(step):
            return
        values: dict[str, object] = {"row": row, **_subject(step)}
        if undo:
            values["undo"] = list(undo)
        self._log.info(f"{name_of(step)}.intended", **values)

    def outcome(self, outcome: Finished) -> None:
        if self._is_still_under_way(outcome):
            return
        said = {key: value for key, value in _said(outcome).items() if value}
        level = Level.INFO if outcome.kind == UNDER_WAY else LOUD.get(outcome.outcome, Level.INFO)
        self._log.write(level, f"{outcome.step}.{outcome.outcome.value}", said)

    def _is_asked_again(self, step: Touching) -> bool:
        """A step that only asks after what it began says nothing new."""
        layers = step.layers if isinstance(step, Cordon) else (getattr(step, "layer", ""),)
        return all((name_of(step), layer) in self._under_way for layer in layers)

    def _is_still_under_way(self, outcome: Finished) -> bool:
        """Whether this was said before, to the letter."""
        keys = [(outcome.step, layer) for layer in outcome.layers]
        told = [self._under_way.pop(key, None) for key in keys]
        if outcome.kind != UNDER_WAY:
            return False
        self._under_way |= dict.fromkeys(keys, outcome.reason)
        return bool(keys) and all(reason == outcome.reason for reason in told)

    def _is_written(self, layer: str) -> bool:
        return any(written == layer for _, written in self._under_way)

    def unrecorded(self, memory: Memory, error: Broken, what: str) -> None:
        """The journal did not take a record: said once per reason and step."""
        said = f"{error.kind} {error.reason} {what}"
        if said not in memory.said:
            memory.said.add(said)
            self._log.error("journal.failed", kind=error.kind, reason=error.reason, step=what)

    def livelock(self, step: Step, row: str) -> None:
        self._log.error("step.livelock", step=name_of(step), row=row)


def name_of_wish(wish: Wish) -> str:
    return type(wish).__name__.lower()


def _does(sighting: Sighting) -> str:
    return "due" if sighting.threat else sighting.rule.do.value


def _said(outcome: Finished) -> dict[str, object]:
    return {
        "layers": list(outcome.layers),
        "phase": outcome.phase,
        "stage": outcome.stage,
        "notice": outcome.event_id,
        "kind": outcome.kind,
        "reason": outcome.reason,
    }


def _subject(step: Touching) -> dict[str, object]:
    match step:
        case Cordon(layers=layers, forced=forced):
            return {"layers": list(layers), "forced": forced}
        case Isolate(layer=layer) | Restore(layer=layer):
            return {"layer": layer}
        case Hook(stage=stage):
            return {"stage": stage}
        case _:
            event_id = getattr(step, "event_id", "")
            return {"notice": event_id} if event_id else {}


def _sentence(event_type: str, vm: str) -> str:
    return f"drainer: {event_type} of {vm} is announced by the platform; the policy says to log it only"
