"""/metadata/loadbalancer: the rules of the balancers that this VM is behind.

Source: "Retrieve load balancer metadata using Azure Instance Metadata Service", and "Common error codes" of
the same: sentences are the platform's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from metadata_server.imds.exchange import Answer, Question, json_answer, refusal
from metadata_server.imds.versions import VERSIONS
from metadata_server.topology import Address, Vm

# Instance metadata service, "Endpoint categories".
INTRODUCED = "2020-10-01"
NOTHING = (
    "No load balancer metadata is found. Check if your virtual machine is using any nonbasic SKU load "
    "balancer and retry later."
)


class Direction(StrEnum):
    """Which way a rule lets traffic go."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a balancer for one VM."""

    direction: Direction
    frontend: Address
    backend_port: int


def respond(question: Question, vm: Vm, rules: Sequence[Rule]) -> Answer:
    """The rules, or the platform's word that there are none."""
    where = f'Path = "{question.path}", Method = "{question.method}"'
    if question.segments != ("metadata", "loadbalancer"):
        return refusal(404, f"API isn't found: {where}")
    if question.method != "GET":
        return refusal(405, f"Http method isn't allowed: {where}")
    version = question.parameter("api-version")
    if version is None:
        return refusal(400, 'Missing required parameter "api-version". Fix the request and retry.')
    if version not in VERSIONS or version < INTRODUCED:
        wrong = f'Parameter value "{version}" isn\'t allowed for parameter "api-version".'
        return refusal(400, f"{wrong} Fix the request and retry.")
    if not rules:
        return refusal(404, NOTHING)
    return json_answer({"loadbalancer": _document(rules, vm.private_ip)})


def _document(rules: Sequence[Rule], own: str) -> dict[str, object]:
    inbound = [rule for rule in rules if rule.direction is Direction.INBOUND]
    outbound = [rule for rule in rules if rule.direction is Direction.OUTBOUND]
    return {
        "publicIpAddresses": [],
        "inboundRules": [
            {
                "frontendIpAddress": rule.frontend.host,
                "protocol": "tcp",
                "frontendPort": rule.frontend.port,
                "backendPort": rule.backend_port,
                "privateIpAddress": own,
            }
            for rule in inbound
        ],
        "outboundRules": [
            {"frontendIpAddress": rule.frontend.host, "privateIpAddress": own} for rule in outbound
        ],
    }
