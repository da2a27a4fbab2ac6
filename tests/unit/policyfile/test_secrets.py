"""A message about a policy is logged: it never repeats a name and password that stand in an address."""

from __future__ import annotations

import pytest

from drainer.errors import PolicyInvalid
from drainer.policyfile.load import load
from drainer.wiring import backend_kinds

ADDRESS = "http://someone:HUNTER2@127.0.0.1/ready"


@pytest.mark.parametrize(
    "line",
    [
        f"health: {{http: '{ADDRESS}'}}",
        f"backend: [health-probe: {{route: '{ADDRESS}'}}]",
        f"'{ADDRESS}': 1",
        f"keep_last: '{ADDRESS}'",
    ],
)
def test_no_problem_repeats_a_password(line: str) -> None:
    """It is refused, and what was refused is shown without its user."""
    with pytest.raises(PolicyInvalid) as refused:
        load(f"version: 1\nrules: [{{}}]\n{line}\n", file="p", backends=backend_kinds())
    said = refused.value.reason
    assert "127.0.0.1" in said
    assert "HUNTER2" not in said
