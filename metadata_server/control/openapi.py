"""The control path as an OpenAPI document, made from the same table that serves it."""

from typing import Any

from metadata_server.control.fields import Field, Presence
from metadata_server.control.verbs import VERBS, Verb

_VIEWS = {
    "/events": "the events that are listed, and with gone=shown those that are over",
    "/clock": "the scenario's time, and whether the clock is real or manual",
    "/vms": "the VMs, where their metadata service listens, and their identities",
    "/switches": "the switches, their values and what they decide",
    "/faults": "the faults in force",
    "/balancers": "the balancers, their members and probes",
    "/arm": "the resources of the management API, or the one that id names",
    "/arm-faults": "the faults of the management API in force, and how often each was met",
    "/requests": "what the management API was asked, by whom, and the status",
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1 of the control path."""
    paths: dict[str, Any] = {path: {"get": _view(path, about)} for path, about in _VIEWS.items()}
    paths.update({f"/{verb.name}": {"post": _verb(verb)} for verb in VERBS})
    return {
        "openapi": "3.1.0",
        "info": {"title": "metadata-server control", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": {"Refusal": _REFUSAL}},
    }


_ABOUT = (
    "Plays the platform: announces, starts and ends maintenance. It never learns whether a VM is drained."
)
_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_REFUSAL = {
    "type": "object",
    "required": ["error", "kind", "problems"],
    "properties": {
        "error": {"type": "string"},
        "kind": {"type": "string", "enum": ["bad_input", "unknown", "conflict"]},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "expected", "found"],
                "properties": {name: {"type": "string"} for name in ("field", "expected", "found")},
            },
        },
    },
}


def _view(path: str, about: str) -> dict[str, Any]:
    shown = {"200": {"description": about, "content": _OBJECT}}
    operation: dict[str, Any] = {"operationId": f"show_{path[1:]}", "summary": about, "responses": shown}
    if path == "/events":
        choice = {"type": "string", "enum": ["hidden", "shown"]}
        operation["parameters"] = [{"name": "gone", "in": "query", "required": False, "schema": choice}]
        shown["400"] = _refused("the request is malformed")
    if path == "/arm":
        operation["parameters"] = [
            {"name": "id", "in": "query", "required": False, "schema": {"type": "string"}}
        ]
        shown["404"] = _refused("there is no such resource")
    if path in ("/arm", "/arm-faults", "/requests"):
        shown["409"] = _refused("the topology has no management API")
    return operation


def _verb(verb: Verb) -> dict[str, Any]:
    required = [field.name for field in verb.fields if field.presence is Presence.REQUIRED]
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": {field.name: _property(field) for field in verb.fields},
    }
    return {
        "operationId": verb.name,
        "summary": verb.about,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "done, with what follows from it", "content": _OBJECT},
            "400": _refused("a field is wrong"),
            "404": _refused("a VM, an event or a switch is not there"),
            "409": _refused("the event or the clock does not allow it now"),
        },
    }


def _property(field: Field) -> dict[str, Any]:
    return {"description": field.about, **field.kind.schema}


def _refused(about: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": about, "content": {"application/json": {"schema": schema}}}
