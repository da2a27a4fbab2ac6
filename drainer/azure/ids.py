"""Resource ids: what they are made of, and whether two of them mean the same. Case never matters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The parts of a resource id. `names` outermost first, such as (balancer, pool)."""

    subscription: str
    group: str
    kind: str
    names: tuple[str, ...]

    @property
    def short(self) -> str:
        """What people call it: "lb/web"."""
        return "/".join(self.names)


def named(resource_id: str) -> Named | None:
    """None for what is no resource id."""
    match resource_id.strip("/").split("/"):
        case [s, subscription, g, group, p, provider, *rest] if (
            (s.casefold(), g.casefold(), p.casefold()) == ("subscriptions", "resourcegroups", "providers")
            and rest
            and len(rest) % 2 == 0
        ):
            kind = "/".join((provider, *rest[::2])).casefold()
            return Named(subscription=subscription, group=group, kind=kind, names=tuple(rest[1::2]))
        case _:
            return None


def short(resource_id: str) -> str:
    """A name for people; the id itself where it is none."""
    found = named(resource_id)
    return found.short if found else resource_id


def parent(resource_id: str) -> str:
    """The id of what a child resource stands in."""
    return "/".join(resource_id.rstrip("/").split("/")[:-2])


def same(one: str, other: str) -> bool:
    return one.strip("/").casefold() == other.strip("/").casefold()


def key(resource_id: str) -> str:
    """The same for every spelling of one id."""
    return "/" + resource_id.strip("/").casefold()


def spelled(name: str, *, beside: str, provider: str, child: str) -> str:
    """A pool's full id from "BALANCER/POOL", taken to be in the resource group of `beside`; an id stays."""
    if name.startswith("/"):
        return name
    outer, _, inner = name.partition("/")
    found = named(beside)
    if found is None:
        return name
    group = f"/subscriptions/{found.subscription}/resourceGroups/{found.group}/providers"
    return f"{group}/Microsoft.Network/{provider}/{outer}/{child}/{inner}"
