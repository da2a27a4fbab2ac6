"""Resource ids: what they name, and which resource a path leads to. Case does not matter in any part."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceId:
    """`kind` is lower case, such as microsoft.network/loadbalancers/backendaddresspools; `names` as given."""

    text: str
    subscription: str
    group: str
    kind: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.text.casefold()

    @property
    def parent(self) -> str:
        """The id of the resource that this is a child of; "" for one that stands alone."""
        return "" if len(self.names) < 2 else "/".join(self.text.split("/")[:-2])

    @property
    def name(self) -> str:
        return self.names[-1]


def parse(text: str) -> ResourceId | None:
    """The resource that a full id names; None for anything else, collections too."""
    match text.strip("/").split("/"):
        case [s, subscription, g, group, p, provider, *rest] if (
            (s.casefold(), g.casefold(), p.casefold()) == ("subscriptions", "resourcegroups", "providers")
            and rest
            and len(rest) % 2 == 0
            and all((subscription, group, provider, *rest))
        ):
            kind = "/".join((provider, *rest[::2])).casefold()
            return ResourceId(
                text="/" + text.strip("/"),
                subscription=subscription,
                group=group,
                kind=kind,
                names=tuple(rest[1::2]),
            )
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """All resources of a kind below `under`: a subscription, a group of one, or the resource they stand in.

    `under` is lower case and ends with a slash; `parent` is "" where they stand in none.
    """

    kind: str
    under: str
    parent: str = ""


def collection(text: str) -> Collection | None:
    """What a path lists; None if it is no path of a list."""
    parts = text.strip("/").split("/")
    lower = [part.casefold() for part in parts]
    if "providers" not in lower or not all(parts):
        return None
    at = lower.index("providers")
    provider, *rest = lower[at + 1 :] or [""]
    if at not in (2, 4) or len(rest) % 2 == 0:
        return None
    under = f"/{'/'.join(lower[:at])}/"
    parent = "/" + "/".join(parts[:-1]) if len(rest) > 1 else ""
    return Collection(kind="/".join((provider, *rest[::2])), under=under, parent=parent)


def action(kind: str, verb: str) -> str:
    """The right that a verb on such a resource needs, as roles spell it."""
    return f"{_SPELLED.get(kind, kind)}/{verb}"


_SPELLED = {
    kind.casefold(): kind
    for kind in (
        "Microsoft.Compute/virtualMachines",
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "Microsoft.Network/networkInterfaces",
        "Microsoft.Network/loadBalancers",
        "Microsoft.Network/loadBalancers/backendAddressPools",
        "Microsoft.Network/loadBalancers/inboundNatRules",
        "Microsoft.Network/applicationGateways",
        "Microsoft.Network/applicationGateways/backendAddressPools",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.Network/virtualNetworks/subnets",
        "Microsoft.Network/natGateways",
        "Microsoft.Network/networkSecurityGroups",
        "Microsoft.Network/publicIPAddresses",
        "Microsoft.Network/routeTables",
        "Microsoft.Network/locations/operations",
        "Microsoft.Authorization/permissions",
    )
}
