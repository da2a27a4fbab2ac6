"""Values that cannot be wrong, and the hash that places flows."""

from collections import Counter
from collections.abc import Callable

import pytest

from metadata_server.balancer import BalancerConfig, Member, Probe
from metadata_server.balancer.affinity import choose

VM1 = Member(name="vm1", host="127.0.0.11", port=80)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Member(name="", host="127.0.0.1", port=80), "name"),
        (lambda: Member(name="vm1", host="localhost", port=80), "numeric address, got 'localhost'"),
        (lambda: Member(name="vm1", host="127.0.0.1", port=0), "port: expected 1 to 65535, got 0"),
        (lambda: Probe(path="ready"), "expected a path"),
        (lambda: Probe(path="/ready HTTP/1.1\r\nX: y"), "expected a path"),
        (lambda: Probe(port=65536), "65536"),
        (lambda: Probe(interval_s=0), "interval_s"),
        (lambda: Probe(threshold=0), "threshold"),
        (lambda: Probe(timeout_s=0), "timeout_s"),
        (lambda: Probe(source="host"), "source"),
        (lambda: BalancerConfig(listen_host="::1", listen_port=-1, members=(), probe=Probe()), "listen_port"),
        (lambda: _config(members=(VM1, VM1)), "names that differ"),
        (lambda: _config(max_flows=0), "max_flows"),
    ],
)
def test_wrong_value_cannot_exist(make: Callable[[], object], words: str) -> None:
    """A wrong field is refused when the value is made, by name."""
    with pytest.raises(ValueError, match=words):
        make()


def test_probe_waits_an_interval_unless_told() -> None:
    """The time until a probe fails is the interval by default."""
    assert Probe(interval_s=3).patience_s == 3
    assert Probe(interval_s=3, timeout_s=30).patience_s == 30


def test_hash_is_even_and_moves_only_the_missing_members_keys() -> None:
    """Every member owns about its share, and without one of them the others keep what they own."""
    members = ("vm1", "vm2", "vm3")
    keys = [f"10.0.{number // 250}.{number % 250}" for number in range(3000)]
    before = {key: choose(key, members) for key in keys}
    assert all(850 < count < 1150 for count in Counter(before.values()).values())
    after = {key: choose(key, ("vm1", "vm3")) for key in keys}
    assert all(after[key] == before[key] for key in keys if before[key] != "vm2")
    assert Counter(after[key] for key in keys if before[key] == "vm2").keys() == {"vm1", "vm3"}


def test_hash_over_nobody_is_nobody() -> None:
    """Without members there is no owner."""
    assert choose("key", ()) is None


def _config(members: tuple[Member, ...] = (), max_flows: int = 1) -> BalancerConfig:
    return BalancerConfig(
        listen_host="127.0.0.1", listen_port=0, members=members, probe=Probe(), max_flows=max_flows
    )
