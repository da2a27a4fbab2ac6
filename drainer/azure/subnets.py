"""A subnet with what decides over its way out: the routes of its route table are read into it."""

from __future__ import annotations

from drainer.azure.outbound import member
from drainer.errors import Refused
from drainer.management import Arm, Json


def read(arm: Arm, subnet_id: str) -> Json | None:
    """None where it may not be read; a route table that may not be read stays the reference that it is.

    Raises Transient as Arm does.
    """
    try:
        subnet = arm.get(subnet_id)
    except Refused:
        return None
    table = member(subnet, "routeTable")
    if not isinstance(table, dict) or not isinstance(table.get("id"), str):
        return subnet
    try:
        routes = arm.get(table["id"])
    except Refused:
        return subnet
    return {**subnet, "properties": {**subnet["properties"], "routeTable": routes}}
