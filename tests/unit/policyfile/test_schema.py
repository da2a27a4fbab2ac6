"""The JSON Schema: kept in policies/schema.json, and of one mind with the loader where a schema can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from drainer.policyfile.builtin import NAMES, builtin
from drainer.policyfile.effective import effective
from drainer.policyfile.keys import policy_shape
from drainer.policyfile.load import load
from drainer.policyfile.meanings import MEANINGS
from drainer.policyfile.schema import main, schema
from drainer.policyfile.shapes import Record
from drainer.wiring import built_in_kinds
from tests.unit.policyfile.samples import KINDS, MINIMAL, problems

KEPT = Path(__file__).parents[3] / "policies" / "schema.json"

BEYOND_A_SCHEMA = {
    "a duration beyond its bound": "version: 1\nrules: [{settle: 2d}]\n",
    "force beyond lead": "version: 1\nrules: [{lead: 30s}]\n",
    "a rule behind all": "version: 1\nrules: [{}, {do: log}]\n",
}

REFUSED_BY_BOTH = {
    "no version": "rules: [{}]\n",
    "no rules": "version: 1\nrules: []\n",
    "an unknown key": f"{MINIMAL}keep_lost: true\n",
    "an unknown key of a rule": "version: 1\nrules: [{laed: 1m}]\n",
    "a wrong type": f"{MINIMAL}keep_last: 1\n",
    "a port out of range": f"{MINIMAL}service_ports: [0]\n",
    "no unit": "version: 1\nrules: [{settle: 10}]\n",
    "two units": "version: 1\nrules: [{settle: 1m30s}]\n",
    "an unknown type": "version: 1\nrules: [{match: {type: Boot}, do: log}, {}]\n",
    "no rule that matches all": "version: 1\nrules: [{match: {type: Freeze}}]\n",
    "a budget": f"{MINIMAL}budget: document\n",
    "an unknown backend": f"{MINIMAL}backend: [azure-nic-pol]\n",
    "an unknown option": f"{MINIMAL}backend: [health-probe: {{speed: 1}}]\n",
    "a backend that needs options": f"{MINIMAL}backend: [proxy]\n",
    "two backends in one layer": f"{MINIMAL}backend: [{{health-probe: {{}}, proxy: {{socket: /s}}}}]\n",
    "two checks": f"{MINIMAL}health: {{tcp: a:1, http: http://a/}}\n",
    "no check": f"{MINIMAL}health: {{passes: 1}}\n",
    "an address that is none": f"{MINIMAL}health: {{http: a}}\n",
    "a key without effect": "version: 1\nrules: [{do: log, lead: any}]\n",
    "an empty command": f"{MINIMAL}hooks: [{{stage: drained, command: []}}]\n",
}


def accepts(text: str, kinds: Any = KINDS) -> bool:
    validator = jsonschema.Draft7Validator(schema(kinds))
    return bool(validator.is_valid(yaml.safe_load(text)))


def test_the_kept_schema_does_not_drift(capsys: pytest.CaptureFixture[str]) -> None:
    """policies/schema.json is what `python -m drainer.policyfile.schema` prints."""
    assert main() == 0
    assert KEPT.read_text("utf-8") == capsys.readouterr().out


def test_it_is_a_schema() -> None:
    """The kept file is valid against its own draft."""
    jsonschema.Draft7Validator.check_schema(json.loads(KEPT.read_text("utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_it_accepts_every_ready_made_policy(name: str) -> None:
    """A ready-made policy and its effective form show no fault in an editor."""
    policy = load(builtin(name), file=name, backends=built_in_kinds())
    assert accepts(builtin(name), built_in_kinds())
    assert accepts(effective(policy), built_in_kinds())


@pytest.mark.parametrize("text", REFUSED_BY_BOTH.values(), ids=REFUSED_BY_BOTH)
def test_it_refuses_what_the_loader_refuses(text: str) -> None:
    """Faults of shape are seen by both."""
    assert problems(text)
    assert not accepts(text)


@pytest.mark.parametrize("text", BEYOND_A_SCHEMA.values(), ids=BEYOND_A_SCHEMA)
def test_what_it_cannot_say_is_left_to_the_loader(text: str) -> None:
    """Faults of sense are the loader's alone: a schema that learned them would end this list."""
    assert problems(text)
    assert accepts(text)


def test_every_option_type_has_a_schema() -> None:
    """Enums, lists, numbers, absent values and nested records of options are described."""
    options = "{socket: /s, modes: [file], share: 0.5, grace: null, limits: {hard: null}}"
    assert accepts(f"{MINIMAL}backend: [proxy: {options}]\n")
    assert not accepts(f"{MINIMAL}backend: [proxy: {{socket: /s, modes: [fill]}}]\n")


def test_every_key_is_explained() -> None:
    """Each key of a policy, backends' options aside, has a sentence, and no sentence is left over."""
    assert set(MEANINGS) == set(_keys(policy_shape({})))


def _keys(shape: object) -> list[tuple[type, str]]:
    match shape:
        case Record(cls=cls, keys=keys):
            below = [found for key in keys for found in _keys(key.shape)]
            return [*((cls, key.name) for key in keys), *below]
        case _:
            parts = (*getattr(shape, "shapes", ()), *filter(None, (getattr(shape, "item", None),)))
            return [found for part in parts for found in _keys(part)]
