"""The policy as it takes effect, spelled out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drainer.core.model import EventSource, Stage
from drainer.core.policy import (
    EVENT_TYPES,
    Acknowledge,
    Any,
    BackendChoice,
    Do,
    Egress,
    HealthCheck,
    Hook,
    Match,
    Policy,
    Rule,
    StuckAfter,
)
from drainer.policyfile import effective, load
from tests.unit.policyfile.samples import KINDS, MINIMAL, Limits, Mode, Probe, Proxy


def spans(least_s: int, most_s: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least_s * 1000, most_s * 1000).map(lambda count: timedelta(milliseconds=count))


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)
COMMANDS = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
DRAINING = st.builds(
    Rule,
    lead=st.one_of(st.just(Any.ANY), spans(3600, 86400)),
    force=spans(0, 3600),
    drain_timeout=spans(60, 86400),
    quiet_for=spans(0, 60),
    settle=spans(0, 86400),
    acknowledge=st.sampled_from(Acknowledge),
    use_budget=st.booleans(),
)
IDLE = st.builds(Rule, do=st.sampled_from([Do.LOG, Do.IGNORE]))
MATCHES = st.builds(
    Match,
    type=st.none() | st.sampled_from(EVENT_TYPES),
    source=st.none() | st.sampled_from([each for each in EventSource if each.value]),
    duration_below=st.none() | spans(1, 86400),
)
HEALTH = st.one_of(
    st.just(HealthCheck()),
    st.builds(HealthCheck, command=COMMANDS, passes=st.integers(1, 1000), every=spans(1, 3600)),
    st.builds(HealthCheck, tcp=st.just("[::1]:80"), timeout=spans(1, 60)),
    st.builds(HealthCheck, http=st.just("https://a.example/x?y=1")),
)
PROXIES = st.builds(
    Proxy,
    socket=TEXTS,
    servers=st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
    modes=st.lists(st.sampled_from(Mode)).map(tuple),
    share=st.floats(0, 1e9),
    strict=st.booleans(),
    grace=st.none() | spans(0, 86400),
    limits=st.builds(Limits, soft=st.floats(-1e9, 1e9), hard=st.none() | st.integers(-9, 10**17)),
)


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """At most one condition: which rules hide which is tried elsewhere."""
    match = draw(MATCHES)
    last = draw(DRAINING)
    first = replace(draw(DRAINING | IDLE), match=match)
    return (last,) if match == Match() else (first, last)


POLICIES = st.builds(
    Policy,
    rules=rules(),
    backend=st.tuples(
        PROXIES.map(lambda options: BackendChoice(name="proxy", options=options)),
        st.just(BackendChoice(name="health-probe", options=Probe())),
    ),
    service_ports=st.lists(st.integers(1, 65535), min_size=1).map(tuple),
    health=HEALTH,
    keep_last=st.booleans(),
    min_in_service=st.integers(0, 10000),
    stuck_after=st.builds(StuckAfter, event=st.none() | spans(60, 86400)),
    hooks=st.lists(
        st.builds(Hook, stage=st.sampled_from(Stage), command=COMMANDS, timeout=spans(1, 60)), max_size=2
    ).map(tuple),
    egress=st.sampled_from(Egress),
    system_log=st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(POLICIES)
def test_the_effective_policy_loads_again_to_an_equal_one(policy: Policy) -> None:
    """Whatever a policy says, its spelling says the same."""
    again = load(effective(policy), file="p", backends=KINDS)
    assert policy == replace(again, digest="")


@settings(deadline=None, max_examples=60)
@given(POLICIES)
def test_spelling_a_policy_twice_changes_nothing(policy: Policy) -> None:
    """The spelling of a policy is a fixed point, and so is its digest."""
    once = load(effective(policy), file="p", backends=KINDS)
    twice = load(effective(once), file="q", backends=KINDS)
    assert once.digest == twice.digest
    assert effective(once) == effective(twice)


def test_every_key_that_has_an_effect_is_spelled() -> None:
    """Defaults stand there like everything else."""
    spelled = yaml.safe_load(effective(load(MINIMAL, file="p", backends=KINDS)))
    assert spelled == {
        "version": 1,
        "service_ports": [80],
        "health": {"http": "http://127.0.0.1:80/healthz", "passes": 3, "every": "2s", "timeout": "2s"},
        "backend": [
            {
                "health-probe": {
                    "mode": "file",
                    "route": "http://127.0.0.1:80/ready",
                    "interval": "5s",
                    "threshold": 2,
                }
            }
        ],
        "budget": "none",
        "keep_last": True,
        "min_in_service": 1,
        "stuck_after": {"event": "never"},
        "egress": "unknown",
        "system_log": True,
        "hooks": [],
        "rules": [
            {
                "match": {},
                "do": "drain",
                "lead": "5m",
                "force": "1m",
                "drain_timeout": "2m",
                "quiet_for": "2s",
                "settle": "30s",
                "acknowledge": "when-drained",
                "use_budget": True,
            }
        ],
    }


def test_the_digest_is_of_the_meaning() -> None:
    """Spelling out a default, a comment or another unit keeps the digest; another value changes it."""
    plain, spelled, other = (
        load(text, file="p", backends=KINDS).digest
        for text in (
            MINIMAL,
            "# the same\nrules:\n  - {match: {}, force: 60s}\nversion: 1\nkeep_last: true\n",
            "version: 1\nrules: [{force: 61s}]\n",
        )
    )
    assert plain == spelled != other
    assert re.fullmatch("[0-9a-f]{64}", plain)


@pytest.mark.parametrize("word", ["off", "5:00", "null", "~", "1e3", "-", "# x", "a: b", " a ", "é\u2028"])
def test_text_that_yaml_would_read_otherwise_is_quoted(word: str) -> None:
    """Text stays text through the spelling."""
    policy = load(MINIMAL, file="p", backends=KINDS)
    policy = replace(policy, health=HealthCheck(command=(word,)))
    assert load(effective(policy), file="p", backends=KINDS).health.command == (word,)
