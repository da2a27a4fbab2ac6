"""The 2015 service: /metadata/v1/InstanceInfo and /metadata/v1/maintenance, without header or version.

The post that announced it prints both states of InstanceInfo with typographic quotes, the second with a
member that is a bare name; with v1=seed these bytes are kept, with v1=json the same content is valid JSON.
"""

import json
from datetime import timedelta

from metadata_server.event import Event
from metadata_server.imds.exchange import JSON_TYPE, Answer, Question, json_answer, not_allowed, not_found
from metadata_server.scenario import EventType
from metadata_server.switches import Switches
from metadata_server.timeline import Timeline
from metadata_server.times import us_style
from metadata_server.topology import Vm

# The post: "is about to begin (within 5 minutes)".
LEAD = timedelta(minutes=5)


def respond(question: Question, state: Timeline, vm: Vm) -> Answer:
    """The answer on a path under /metadata/v1."""
    answer = _respond(question, state, vm)
    if answer.status >= 400 and state.switches.v1_errors == "empty":
        return Answer(status=answer.status, headers=answer.headers)
    return answer


def _respond(question: Question, state: Timeline, vm: Vm) -> Answer:
    views = {"InstanceInfo": _instance, "maintenance": _maintenance}
    view = views.get("/".join(question.segments[2:]))
    if view is None or state.switches.v1_service == "off":
        return not_found()
    if question.method != "GET":
        return not_allowed("GET")
    return view(vm, _pending(state, vm), state.switches)


def _pending(state: Timeline, vm: Vm) -> Event | None:
    """The first event the 2015 service would announce to this VM now."""
    types = {EventType.REBOOT}
    if state.switches.v1_types == "redeploy":
        types.add(EventType.REDEPLOY)
    mine = [event for event in state.document(vm.name).events if vm.name in event.vms and event.type in types]
    due = [event for event in mine if _due(event, state)]
    return min(due, key=lambda event: event.not_before, default=None)


def _due(event: Event, state: Timeline) -> bool:
    if event.started_at is not None:
        return state.switches.v1_marker == "stays"
    return event.not_before - state.now <= LEAD


def _instance(vm: Vm, pending: Event | None, switches: Switches) -> Answer:
    name = f"_{vm.name}" if switches.v1_id == "underscore" else vm.name
    if switches.v1 == "seed":
        return Answer(body=_seed(vm, name, pending).encode(), content_type=JSON_TYPE)
    content: dict[str, object] = {"ID": name, "UD": str(vm.update_domain), "FD": str(vm.fault_domain)}
    if pending is not None:
        values = {"true": True, "empty": "", "id": pending.id}
        content["Reboot"] = values[switches.v1_reboot_value]
    return json_answer(content)


def _seed(vm: Vm, name: str, pending: Event | None) -> str:
    domains = f'"UD":"{vm.update_domain}","FD":"{vm.fault_domain}"'
    if pending is None:
        return f'{{“ID":"{name}",{domains}}}'
    return f'{{“ID”:”{name}",{domains},"Reboot"}}'


def _maintenance(vm: Vm, pending: Event | None, switches: Switches) -> Answer:
    if pending is None:
        return json_answer({})
    created = json.dumps(us_style(pending.announced_at)).replace("/", r"\/")
    return Answer(body=f'{{"EventID":"{pending.id}","EventCreationTime":{created}}}'.encode())
