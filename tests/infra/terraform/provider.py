"""A stand-in for the azurerm provider: its schema over Terraform's plugin protocol 5, and no Azure behind it.

Terraform checks every name, type and reference against the schema as it does with the real one. What only the
provider's code knows (the values of enumerations, rules across fields) is not checked. An apply is granted
and makes up what Azure would fill in; `world` says what a later read finds.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tfplugin_proto import tfplugin5_5_pb2 as pb
from tfplugin_proto import tfplugin5_5_pb2_grpc as rpc

from tests.infra.terraform.extract import SCHEMA
from tests.infra.terraform.world import CALLER, SIDECAR, SUBSCRIPTION, Json, World

ADDRESS = "registry.terraform.io/hashicorp/azurerm"
UNKNOWN = msgpack.ExtType(0, b"\x00")
NESTING = {"single": 1, "list": 2, "set": 3}
LARGEST = 16 << 20
FILLED_IN: dict[str, Json] = {
    "azurerm_user_assigned_identity": {"client_id": SIDECAR, "principal_id": SIDECAR},
    "azurerm_public_ip": {"ip_address": "192.0.2.1"},
}
"""What Azure would fill in and a later text needs."""


class Provider(rpc.ProviderServicer):
    """Answers Terraform; keeps nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._schema: Json = json.loads(SCHEMA.read_text())

    def GetSchema(self, request: Any, context: Any) -> Any:
        answer = pb.GetProviderSchema.Response()
        answer.provider.CopyFrom(_message(self._schema["provider"]))
        for name, block in self._schema["resources"].items():
            answer.resource_schemas[name].CopyFrom(_message(block))
        for name, block in self._schema["data_sources"].items():
            answer.data_source_schemas[name].CopyFrom(_message(block))
        return answer

    def PrepareProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.PrepareProviderConfig.Response(prepared_config=request.config)

    def ValidateResourceTypeConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateResourceTypeConfig.Response()

    def ValidateDataSourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateDataSourceConfig.Response()

    def Configure(self, request: Any, context: Any) -> Any:
        return pb.Configure.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        state = json.loads(request.raw_state.json)
        return pb.UpgradeResourceState.Response(upgraded_state=_written(state))

    def ReadResource(self, request: Any, context: Any) -> Any:
        found = self._world.finds(request.type_name, _read(request.current_state))
        return pb.ReadResource.Response(new_state=_written(found))

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        prior, planned = _read(request.prior_state), _read(request.proposed_new_state)
        if planned is not None and prior is None:
            planned = _open(self._schema["resources"][request.type_name], planned)
        elif _told(planned) == _told(prior):
            planned = prior
        return pb.PlanResourceChange.Response(planned_state=_written(planned), legacy_type_system=True)

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        planned = _read(request.planned_state)
        made = planned and _made_up(self._schema["resources"][request.type_name], planned)
        if made:
            made |= FILLED_IN.get(request.type_name, {})
            made["id"] = made["id"] or _identity(request.type_name, made)
        return pb.ApplyResourceChange.Response(new_state=_written(made), legacy_type_system=True)

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        block = self._schema["data_sources"][request.type_name]
        found = _made_up(block, _open(block, _read(request.config)))
        found |= {"id": "caller", "object_id": CALLER, "subscription_id": SUBSCRIPTION}
        return pb.ReadDataSource.Response(state=_written(found))

    def Stop(self, request: Any, context: Any) -> Any:
        return pb.Stop.Response()


@contextlib.contextmanager
def served(world: World) -> Iterator[str]:
    """Serve; the value for TF_REATTACH_PROVIDERS."""
    options = [("grpc.max_send_message_length", LARGEST), ("grpc.max_receive_message_length", LARGEST)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    rpc.add_ProviderServicer_to_server(Provider(world), server)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "provider"
        server.add_insecure_port(f"unix:{path}")
        server.start()
        address = {"Network": "unix", "String": str(path)}
        spoken = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": address}
        yield json.dumps({ADDRESS: spoken})
        server.stop(grace=None).wait()


def _message(block: Json) -> Any:
    return pb.Schema(version=0, block=_block_message(block))


def _block_message(block: Json) -> Any:
    message = pb.Schema.Block(version=0)
    for name, attribute in sorted(block["attributes"].items()):
        traits = {trait: True for trait in ("required", "optional", "computed") if attribute.get(trait)}
        message.attributes.add(name=name, type=json.dumps(attribute["type"]).encode(), **traits)
    for name, nested in sorted(block["block_types"].items()):
        sizes = {size: nested.get(size, 0) for size in ("min_items", "max_items")}
        kind = message.block_types.add(type_name=name, nesting=NESTING[nested["nesting_mode"]], **sizes)
        kind.block.CopyFrom(_block_message(nested["block"]))
    return message


def _read(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False) if value.msgpack else None


def _written(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def _open(block: Json, value: Any) -> Any:
    """The value with what Azure may fill in unknown."""
    return _each(
        block,
        value,
        lambda attribute, given: UNKNOWN if attribute.get("computed") and given is None else given,
    )


def _made_up(block: Json, value: Any) -> Any:
    """The value with what is unknown made up."""
    return _each(
        block, value, lambda attribute, given: _invented(attribute["type"]) if given == UNKNOWN else given
    )


def _told(value: Any) -> str:
    """What a value says; to the real provider nothing and empty are the same, and sets have no order."""
    match value:
        case dict():
            told = {name: _told(inner) for name, inner in sorted(value.items())}
            return str({name: inner for name, inner in told.items() if inner})
        case list():
            return str(sorted(_told(inner) for inner in value)) if value else ""
        case _:
            return str(value) if value else ""


def _each(block: Json, value: Any, change: Callable[[Json, Any], Any]) -> Any:
    if not isinstance(value, dict):
        return value
    changed = dict(value)
    for name, attribute in block["attributes"].items():
        changed[name] = change(attribute, value.get(name))
    for name, nested in block["block_types"].items():
        inner = value.get(name)
        if isinstance(inner, list):
            changed[name] = [_each(nested["block"], one, change) for one in inner]
        elif inner is not None:
            changed[name] = _each(nested["block"], inner, change)
    return changed


def _invented(kind: Any) -> Any:
    match kind:
        case "number":
            return 0
        case "bool":
            return False
        case "string":
            return ""
        case ["map", _]:
            return {}
        case [_, _]:
            return []
        case _:
            return None


def _identity(type_name: str, made: Json) -> str:
    name = made.get("name") or "-".join(str(value).rsplit("/", 1)[-1] for value in made.values() if value)
    if type_name == "azurerm_resource_group":
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"
    group = made.get("resource_group_name") or "group"
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{type_name}/{name}"
