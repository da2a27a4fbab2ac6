"""Every target meets its seeds, what once was a finding, and some mutations: the short form of fuzzing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import mutated, mutated_line
from tests.fuzz.target import Form, Target, regressions
from tests.fuzz.targets import ALL

MUTATIONS = 40
ANY_BYTES = 40

every_target = pytest.mark.parametrize("target", ALL.values(), ids=ALL.keys())


@every_target
def test_seeds_and_old_findings_pass(target: Target) -> None:
    """What a real peer says, and what once broke us, comes to a value or to an error of ours."""
    for content in (*target.seeds(), *regressions(target)):
        target.one(content)


@every_target
def test_mutated_seeds_pass(target: Target) -> None:
    """Seeds changed by their form, or cut and spliced, are no worse."""
    chance = Random(target.name)
    seeds = [seed for seed in target.seeds() if seed] or [b"{}"]
    for _ in range(MUTATIONS):
        target.one(_mutated(target, chance.choice(seeds), chance)[: target.longest])


@every_target
def test_any_bytes_pass(target: Target) -> None:
    """Nor are bytes of no form at all."""

    @settings(
        max_examples=ANY_BYTES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=512))
    def passes(content: bytes) -> None:
        target.one(content)

    passes()


def _mutated(target: Target, seed: bytes, chance: Random) -> bytes:
    changed: bytes | None = None
    match target.form:
        case Form.JSON:
            changed = mutated(seed, chance)
        case Form.JSON_LINES:
            changed = mutated_line(seed, chance)
        case Form.BYTES:
            pass
    if changed is not None:
        return changed
    cut = chance.randrange(len(seed) + 1)
    return seed[:cut] + chance.randbytes(chance.randrange(4)) + seed[cut + chance.randrange(3) :]
