"""One sentence for every key of a policy, as editors show it beside the key."""

from __future__ import annotations

from collections.abc import Mapping

from drainer.core.policy import HealthCheck, Hook, Match, Rule, StuckAfter
from drainer.policyfile.keys import PolicyFile

MEANINGS: Mapping[tuple[type, str], str] = {
    (PolicyFile, "version"): "The version of this format: 1.",
    (PolicyFile, "service_ports"): "Local ports whose established connections count as work in flight.",
    (PolicyFile, "health"): "The deep check that must pass before the VM is given back; none: no check.",
    (PolicyFile, "backend"): "Layers, taken out top to bottom and given back bottom to top.",
    (PolicyFile, "budget"): "How many VMs of the fleet may be out at once; only none in this version.",
    (PolicyFile, "keep_last"): "Never take the last member out, even past force.",
    (
        PolicyFile,
        "min_in_service",
    ): "Other members that should take work before this one leaves, until force.",
    (PolicyFile, "stuck_after"): "When something that never ends is given up.",
    (PolicyFile, "egress"): "Whether this VM was seen to reach the network without its pool.",
    (PolicyFile, "system_log"): "Also write notices to syslog, or to the EventLog on Windows.",
    (PolicyFile, "hooks"): "Programs to run at stages of an episode.",
    (PolicyFile, "rules"): "What to do about which notice; the first match wins, the last matches all.",
    (HealthCheck, "http"): "Address that answers 2xx when the application works.",
    (HealthCheck, "tcp"): "HOST:PORT that accepts a connection when the application works.",
    (HealthCheck, "command"): "Program that exits 0 when the application works.",
    (HealthCheck, "passes"): "How many checks in a row must pass.",
    (HealthCheck, "every"): "Time from one check to the next.",
    (HealthCheck, "timeout"): "A check that takes longer has failed.",
    (StuckAfter, "event"): "A notice that stays this long is skipped; never: it is only reported.",
    (Hook, "stage"): "Where in an episode it runs.",
    (Hook, "command"): "Program and arguments; no shell unless the list names one.",
    (Hook, "timeout"): "A hook that takes longer is ended and has failed.",
    (Rule, "match"): "Which notices this rule is for; {} matches all.",
    (Rule, "do"): "drain: take the VM out; log: say so; ignore: nothing.",
    (Rule, "lead"): "How long before NotBefore to begin; any: at once.",
    (Rule, "force"): "How long before NotBefore budget and soft gates no longer hold.",
    (Rule, "drain_timeout"): "The longest wait for work in flight, never past NotBefore.",
    (Rule, "quiet_for"): "How long no work must be in flight to count as drained.",
    (Rule, "settle"): "How long the notice must be gone before the VM is given back.",
    (Rule, "acknowledge"): "When to tell the platform that it may start.",
    (Rule, "use_budget"): "Whether the fleet budget applies.",
    (Match, "type"): "The type of the notice.",
    (Match, "source"): "Who caused it.",
    (Match, "duration_below"): "Only impacts announced as shorter; an unknown duration never matches.",
}
