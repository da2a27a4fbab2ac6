"""Every reader meets inputs of its own form: beside them nothing but a value or an error of ours comes out."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drainer import wiring
from drainer.errors import PolicyInvalid
from drainer.policyfile import load
from tests.fuzz import structured, structured_files
from tests.fuzz.target import Target
from tests.fuzz.targets import ALL

MOST_MEMORY = 64 * 1024 * 1024
BOMBS = structured_files.bombs()
FORMS = (
    ("scheduled-events", structured.SCHEDULED_EVENTS),
    ("instance-info", structured.INSTANCE_INFO),
    ("azure-nic-pool", structured.INTERFACES),
    ("azure-ip-pool", structured.INTERFACES),
    ("azure-application-gateway", structured.INTERFACES),
    ("haproxy", structured.HAPROXY),
    ("drainer-arguments", structured.ARGUMENTS),
    ("policy", structured_files.POLICIES),
    ("journal", structured_files.JOURNALS),
)


@pytest.mark.parametrize(("name", "form"), FORMS, ids=[name for name, _ in FORMS])
def test_inputs_of_its_form_pass(name: str, form: st.SearchStrategy[bytes]) -> None:
    """What a target promises holds for documents, tables and command lines that are nearly right."""
    target: Target = ALL[name]

    @settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(form)
    def passes(content: bytes) -> None:
        target.one(content)

    passes()


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_small_policy_takes_little_memory(text: str) -> None:
    """However huge a thing it spells, a policy of some kilobytes is refused at places, in a bounded memory."""
    tracemalloc.start()
    try:
        with pytest.raises(PolicyInvalid) as refused:
            load(text, file="p", backends=wiring.built_in_kinds())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_MEMORY
    assert all(
        str(problem).startswith(f"p:{problem.line}:{problem.column}: ") for problem in refused.value.problems
    )
