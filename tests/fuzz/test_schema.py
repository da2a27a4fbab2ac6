"""The control path answers as its OpenAPI document says: the short form of `python -m tests.fuzz --schema`."""

from __future__ import annotations

import pytest

from tests.fuzz.schema import explore, labels

EXAMPLES = 6


@pytest.mark.parametrize("label", labels())
def test_answers_are_those_of_the_document(label: str) -> None:
    """What the document allows and what it forbids is answered with a status, a type and a body that it names;
    what it forbids is never done."""
    outcome = explore(label, examples=EXAMPLES)
    assert outcome.findings == []
    assert 200 in outcome.statuses
