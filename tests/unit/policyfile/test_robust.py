"""Whatever stands in a file, the loader answers with a policy or with problems."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drainer.core.policy import Policy
from drainer.errors import PolicyInvalid, Problem
from drainer.policyfile import load
from drainer.policyfile.builtin import NAMES, builtin
from tests.unit.policyfile.samples import KINDS

TEXTS = tuple(map(builtin, NAMES))
BRACKETS = ["[", "{", "}", "]", "{}", "- ", ": ", "? ", "'", '"', "|\n", "---\n", "...\n", "#", "%YAML 1.2\n"]
POINTERS = ["&a ", "*a", "<<: ", "!!set "]
BLANKS = ["\t", "\n", "  ", "\0", "\x85", "\ud800", "\u2028", "\\U99999999", "…"]
VALUES = ["5:00", "0x1f", "2015-99-99", "null", "9" * 5000, "azure-nic-pool", "match: ", "http://["]
PIECES = st.sampled_from(BRACKETS + POINTERS + BLANKS + VALUES)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid policy with some stretches replaced."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + draw(PIECES | st.text(max_size=5)) + text[end:]
    return text


def answered(text: str) -> None:
    verdict = judged(text)
    if isinstance(verdict, Policy):
        return
    places = [(each.line, each.column) for each in verdict]
    assert places
    assert places == sorted(places)
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert all(len(str(each).splitlines()) == 1 for each in verdict)


def judged(text: str) -> Policy | tuple[Problem, ...]:
    try:
        return load(text, file="p", backends=KINDS)
    except PolicyInvalid as invalid:
        return invalid.problems


@settings(deadline=None)
@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    """Arbitrary text raises nothing but PolicyInvalid, its problems in file order and one line each."""
    answered(text)


@settings(deadline=None)
@given(mutated())
def test_any_mutation_of_a_policy_is_answered(text: str) -> None:
    """A valid policy, broken anywhere, raises nothing but PolicyInvalid."""
    answered(text)


@settings(deadline=None)
@given(st.recursive(PIECES, lambda inner: st.lists(inner).map("".join), max_leaves=30))
def test_any_heap_of_yaml_is_answered(text: str) -> None:
    """YAML's own words in any order raise nothing but PolicyInvalid."""
    answered(text)
