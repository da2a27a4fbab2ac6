"""/metadata/instance: what the platform tells a VM about itself, as far as the topology knows it."""

import json
import uuid
from collections.abc import Mapping, Sequence

from metadata_server.imds.exchange import Answer, Question, bad_version, json_answer, not_found, refusal
from metadata_server.imds.versions import VERSIONS
from metadata_server.topology import Vm

# Instance metadata service, "Endpoint categories".
INTRODUCED = "2017-04-02"
# Instance metadata service, "Instance metadata": the version that brought each member of compute.
_SINCE = {
    "placementGroupId": "2017-08-01",
    "resourceGroupName": "2017-08-01",
    "subscriptionId": "2017-08-01",
    "tags": "2017-08-01",
    "vmScaleSetName": "2017-12-01",
    "zone": "2017-12-01",
    "azEnvironment": "2018-10-01",
    "provider": "2018-10-01",
    "resourceId": "2019-03-11",
    "tagsList": "2019-06-04",
    "osProfile": "2020-07-15",
    "priority": "2020-12-01",
    "evictionPolicy": "2020-12-01",
    "userData": "2021-01-01",
    "virtualMachineScaleSet": "2021-03-01",
    "physicalZone": "2023-11-15",
}
_TEXT = "text/plain; charset=utf-8"
_NAMES = uuid.UUID("a3c1f0de-5f4e-4d0c-9f51-0c2f7f1f6f10")


def respond(question: Question, vm: Vm) -> Answer:
    """The whole, or the part that the path names, as JSON or text."""
    version = question.parameter("api-version")
    if version not in VERSIONS or version < INTRODUCED:
        return bad_version()
    wanted = question.parameter("format") or "json"
    if wanted not in ("json", "text"):
        return refusal(400, "Bad request. format is neither json nor text")
    part = _part(instance(vm, version), question.segments[2:])
    if part is None:
        return not_found()
    if wanted == "text":
        return Answer(body=_text(part).encode(), content_type=_TEXT)
    if isinstance(part, str):
        return refusal(400, "Bad request. A single value is given as text only: ask with format=text")
    return json_answer(part)


def vm_id(vm: Vm) -> str:
    """The VM's id: as the topology states it, or one that its name always gives."""
    return vm.vm_id or str(uuid.uuid5(_NAMES, vm.name))


def instance(vm: Vm, version: str) -> dict[str, object]:
    """The document of `version`; every value is a string, and absent ones are empty."""
    compute = {key: value for key, value in _compute(vm).items() if version >= _SINCE.get(key, version)}
    return {"compute": compute, "network": {"interface": [_interface(vm)]}}


def _compute(vm: Vm) -> dict[str, object]:
    scale_set = f"{vm.group}/Microsoft.Compute/virtualMachineScaleSets/{vm.scale_set}"
    flexible = vm.scale_set is not None and not vm.is_instance
    return {
        "azEnvironment": "AzurePublicCloud",
        "evictionPolicy": "",
        "location": vm.location,
        "name": vm.name,
        "osProfile": {"computerName": vm.name},
        "physicalZone": "",
        "placementGroupId": "",
        "platformFaultDomain": str(vm.fault_domain),
        "platformUpdateDomain": str(vm.update_domain),
        "priority": "",
        "provider": "Microsoft.Compute",
        "resourceGroupName": vm.resource_group,
        "resourceId": vm.resource_id,
        "subscriptionId": vm.subscription,
        "tags": "",
        "tagsList": [],
        "userData": "",
        "virtualMachineScaleSet": {"id": scale_set if flexible else ""},
        "vmId": vm_id(vm),
        "vmScaleSetName": vm.scale_set or "",
        "vmSize": vm.size,
        "zone": vm.zone,
    }


def _interface(vm: Vm) -> dict[str, object]:
    own = vm.private_ip
    addresses = [{"privateIpAddress": own, "publicIpAddress": ""}]
    ipv4 = {"ipAddress": addresses, "subnet": [{"address": "", "prefix": ""}]}
    ipv6: dict[str, object] = {"ipAddress": []}
    if ":" in own:
        ipv4, ipv6 = {"ipAddress": [], "subnet": []}, {"ipAddress": [{"privateIpAddress": own}]}
    mac = uuid.uuid5(_NAMES, f"{vm.name} nic").hex[:6].upper()
    return {"ipv4": ipv4, "ipv6": ipv6, "macAddress": f"000D3A{mac}"}


def _part(whole: object, path: Sequence[str]) -> object | None:
    """What the path leads to; None if it leads nowhere."""
    for segment in path:
        match whole:
            case Mapping():
                whole = whole.get(segment)
            case list() if segment.isascii() and segment.isdigit() and int(segment) < len(whole):
                whole = whole[int(segment)]
            case _:
                return None
    return whole


def _text(part: object) -> str:
    """A value as it is; of anything else the names below it, those that lead further with a slash."""
    match part:
        case Mapping():
            return "\n".join(_entry(str(key), value) for key, value in part.items())
        case list():
            return "\n".join(_entry(str(index), value) for index, value in enumerate(part))
        case _:
            return part if isinstance(part, str) else json.dumps(part)


def _entry(name: str, value: object) -> str:
    return name if isinstance(value, str) else f"{name}/"
