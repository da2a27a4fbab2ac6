"""Contradictions between the parts of a policy, as far as each part could be read.

Pure: parts that could not be read are passed over; `places` serves to name lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drainer.core.policy import Do, HealthCheck, Match, Rule
from drainer.policyfile.keys import DEFAULT_BACKEND
from drainer.policyfile.soundness import Flaw, covers, probed_routes, same_route
from drainer.policyfile.tree import Place
from drainer.policyfile.values import BAD, is_bad

Places = Mapping[str, Place]


def whole_flaws(values: Mapping[str, Any], places: Places) -> Iterator[Flaw]:
    """Contradictions between the parts, as far as the parts could be read."""
    rules = values["rules"]
    if isinstance(rules, tuple):
        yield from _rule_flaws(rules, places)
    layers = values["backend"]
    if not isinstance(layers, tuple):
        return
    if not layers and not is_bad(rules) and any(rule.do is Do.DRAIN for rule in rules):
        yield Flaw(
            fields=("backend",), expected="at least one layer, as a rule drains", found="an empty list"
        )
    yield from _repeated_layers(layers, places)
    if isinstance(values["health"], HealthCheck):
        yield from _trapping_routes(values["health"], layers, places)


def _rule_flaws(rules: tuple[Any, ...], places: Places) -> Iterator[Flaw]:
    for later, rule in enumerate(rules):
        for earlier in range(later):
            if rule is not BAD and rules[earlier] is not BAD and covers(rules[earlier].match, rule.match):
                line = places[f"rules[{earlier}]"].line
                yield Flaw(
                    fields=(f"rules[{later}].match", f"rules[{later}]"),
                    expected="a rule that can be reached",
                    found=f"one behind rules[{earlier}] (line {line}), which matches all that it matches",
                )
                break
    if rules and isinstance(rules[-1], Rule) and rules[-1].match != Match():
        path = f"rules[{len(rules) - 1}].match"
        yield Flaw(
            fields=(path,), expected="{} in the last rule, which matches everything", found="a condition"
        )


def _repeated_layers(layers: tuple[Any, ...], places: Places) -> Iterator[Flaw]:
    """Two layers of one backend are fine (two proxies, say); the same one twice is a slip."""
    for later, layer in enumerate(layers):
        if layer is not BAD and layer in layers[:later]:
            line = places[f"backend[{layers.index(layer)}]"].line
            yield Flaw(
                fields=(f"backend[{later}]",),
                expected="layers that differ",
                found=f"the same {layer.name} as in line {line}",
            )


def _trapping_routes(health: HealthCheck, layers: tuple[Any, ...], places: Places) -> Iterator[Flaw]:
    """The deep check must not ask a route that the marker takes down: the VM would never come back."""
    for index, layer in enumerate(layers):
        if layer is BAD or layer.name != DEFAULT_BACKEND or health.http is None:
            continue
        for route in probed_routes(layer.options):
            if not same_route(route, health.http):
                continue
            layer_path = f"backend[{index}].{DEFAULT_BACKEND}.route"
            check = _named("health.http", places)
            probed = _named(layer_path, places, f"backend[{index}]")
            yield Flaw(
                fields=("health.http", layer_path, f"backend[{index}]"),
                expected=f"{check} to ask another route than the probed one, {probed}: that one is down while"
                " the VM is out, and the VM would never come back",
                found=health.http,
            )


def _named(path: str, places: Places, around: str = "") -> str:
    """The path with its line, or that of what stands around it; alone where it applies by omission."""
    place = places.get(path) or places.get(around)
    return f"{path} (line {place.line})" if place else f"{path} (its default)"
