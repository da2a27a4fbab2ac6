"""Where the concrete adapters are known: from settings and a policy to ports. It alone imports them all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drainer.act import Feed, Ports
from drainer.approvals import MemoryApprovals
from drainer.core.policy import Egress, Policy
from drainer.errors import PolicyInvalid, Problem, Refused
from drainer.hooks import HookRan
from drainer.management import Arm
from drainer.ports import Backend, BackendKind, Clock, EventFeed, Surroundings
from drainer.settings import Settings

BUILT_IN = (
    "fake",
    "health_probe",
    "haproxy",
    "azure_nic_pool",
    "azure_ip_pool",
    "azure_admin_state",
    "azure_application_gateway",
    "command",
)
ENTRY_POINTS = "drainer.backends"


def has_azure() -> bool:
    """Whether this build can ask the management API: the single file cannot."""
    return find_spec("drainer.transport.azure.sdk") is not None


@functools.cache
def built_in_kinds() -> Mapping[str, BackendKind]:
    """The backends that ship with drainer, by their names in policies; some builds have none of Azure."""
    with_azure = has_azure()
    named = (module for module in BUILT_IN if with_azure or not module.startswith("azure_"))
    ours = (import_module(f"drainer.backends.{module}").KIND for module in named)
    return {kind.name: kind for kind in ours}


@functools.cache
def backend_kinds() -> Mapping[str, BackendKind]:
    """Every backend there is: those of other packages too. Looking for them costs memory: only on demand."""
    from importlib.metadata import entry_points

    theirs = {entry.name: entry.load() for entry in entry_points(group=ENTRY_POINTS)}
    return {**theirs, **built_in_kinds()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A policy and the text it was read from."""

    policy: Policy
    text: str


def load_policy(settings: Settings) -> Accepted:
    """The policy that settings name; with no file at the default place, the built-in one.

    Raises PolicyInvalid, also for a named file that is missing.
    """
    path = Path(settings.policy)
    if not settings.policy_named and not path.exists():
        return built_in()
    from drainer.policyfile.load import read_text

    text = read_text(path)
    return Accepted(policy=parse_policy(text, file=str(path)), text=text)


def built_in() -> Accepted:
    """The policy that is used where no file stands: mask-reboots."""
    from drainer.policyfile.builtin import builtin

    text = builtin()
    return Accepted(policy=parse_policy(text, file="built-in mask-reboots"), text=text)


def parse_policy(text: str, *, file: str) -> Policy:
    """Raises PolicyInvalid."""
    from drainer.policyfile.load import load

    try:
        return load(text, file=file, backends=built_in_kinds())
    except PolicyInvalid:
        return load(text, file=file, backends=backend_kinds())


def event_feed(settings: Settings, clock: Clock) -> EventFeed:
    """The source of notices that the settings name, or the newest that is served."""
    from drainer.sources.discovery import discover

    try:
        return discover(
            settings.metadata_url, clock=clock, vm_name=settings.vm_name or "", source=settings.source
        )
    except ValueError as error:
        problem = Problem(
            file="--metadata-url",
            line=1,
            column=1,
            field="metadata-url",
            expected="http://HOST[:PORT]",
            found=str(error),
        )
        raise PolicyInvalid((problem,)) from error


def layers(
    policy: Policy,
    settings: Settings,
    *,
    clock: Clock,
    vm_name: Callable[[], str],
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[Backend, ...]:
    """The policy's layers, in order; a name that comes twice is numbered from its second coming on."""
    around = Surroundings(
        clock=clock,
        vm_name=vm_name,
        service_ports=policy.service_ports,
        arm=management(settings) if uses_azure(policy) else None,
        egress_verified=policy.egress is Egress.VERIFIED,
        meanwhile=meanwhile,
    )
    built: list[Backend] = []
    for choice in policy.backend:
        kind = built_in_kinds().get(choice.name) or backend_kinds()[choice.name]
        backend = kind.build(choice.options, around)
        taken = sum(1 for other in built if other.name.split("#")[0] == choice.name)
        built.append(Renamed(backend, f"{choice.name}#{taken + 1}") if taken else backend)
    return tuple(built)


def uses_azure(policy: Policy) -> bool:
    """Whether a layer is asked through Azure's management API."""
    return any(choice.name.startswith("azure-") for choice in policy.backend)


def management(settings: Settings) -> Arm:
    """The management API in a child process, which starts when first asked. Refused: not in this build."""
    if not has_azure():
        raise Refused("azure-missing", "this build has nothing of Azure: install the .deb, or the wheel")
    from drainer.transport.azure.peer import ArmSettings, ChildArm

    told = ArmSettings(
        metadata_url=settings.metadata_url,
        management_url=settings.management_url,
        ca_file=settings.management_ca,
        client_id=settings.identity,
    )
    return ChildArm(told)


class Renamed:
    """A backend under another name, where a policy has two of a kind."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self.name = name
        self.read_every = backend.read_every
        self.settles_in = backend.settles_in
        self.membership = backend.membership
        self.in_flight = backend.in_flight
        self.cordon = backend.cordon
        self.isolate = backend.isolate
        self.restore = backend.restore
        self.in_service_count = backend.in_service_count
        self.undo = backend.undo
        self.close = backend.close

    @property
    def cordons(self) -> bool:
        return self._backend.cordons

    @property
    def isolates(self) -> bool:
        return self._backend.isolates

    def __getattr__(self, name: str) -> Any:
        """What only some backends have: rest, mark, refusal."""
        return getattr(self._backend, name)


def build_ports(
    policy: Policy,
    settings: Settings,
    *,
    clock: Clock,
    feed: Feed,
    vm_name: Callable[[], str],
    stopping: Callable[[], bool],
    hook_ran: Callable[[HookRan], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> Ports:
    """Everything outside, as this policy wants it. `meanwhile` is called as long as a program runs."""
    from drainer import health
    from drainer.connections import KernelConnections
    from drainer.hooks import HookRunner
    from drainer.reporting.syslog import system_log

    return Ports(
        clock=clock,
        feed=feed,
        layers=layers(policy, settings, clock=clock, vm_name=vm_name, meanwhile=meanwhile),
        connections=KernelConnections(
            service_ports=policy.service_ports, ignored_peers=_prober_sources(policy)
        ),
        health=health.build(policy.health, meanwhile=meanwhile),
        hooks=HookRunner(policy.hooks, clock, report=hook_ran, meanwhile=meanwhile),
        approvals=MemoryApprovals(vm_name()),
        system_log=system_log(),
        hook_stages=frozenset(hook.stage for hook in policy.hooks),
        stopping=stopping,
    )


def _prober_sources(policy: Policy) -> tuple[str, ...]:
    """Addresses from which the balancers' probers come: their connections are no work."""
    named = (getattr(choice.options, "sources", ()) for choice in policy.backend)
    return tuple(dict.fromkeys(source for sources in named for source in sources))


def tightened(running: Policy, fresh: Policy) -> Policy:
    """What a reload may change while an episode is open: rules and limits. The rest waits for Close."""
    return replace(
        running,
        rules=fresh.rules,
        keep_last=fresh.keep_last or running.keep_last,
        min_in_service=max(fresh.min_in_service, running.min_in_service),
        stuck_after=fresh.stuck_after,
        system_log=fresh.system_log,
    )
