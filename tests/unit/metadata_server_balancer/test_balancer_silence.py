"""A host that vanishes: it answers nothing and closes nothing, and has forgotten all when it is back."""

import socket

import pytest

from metadata_server.balancer import Affinity

from .conftest import Start
from .rig import eventually, is_quiet, received, send_reset, sent, was_reset

pytestmark = pytest.mark.anyio


async def test_flow_of_a_silent_host_hangs(start: Start) -> None:
    """Neither bytes nor the death of the member's process reach the client, and its bytes reach nobody."""
    cluster = await start(threshold=3, timeout_s=0.2)
    client, member, name = await cluster.flow()
    cluster.balancer.silence(name)
    probes = cluster.hosts[name].probes
    await sent(client, b"anybody there?")
    await sent(member, b"nobody hears this")
    await cluster.until(name, up=False)
    assert is_quiet(member)
    send_reset(member)
    await eventually(lambda: cluster.seen(name)["last_probe"] == "timeout", "the probe times out")
    assert is_quiet(client)
    assert cluster.seen(name)["open_flows"] == 1
    assert cluster.hosts[name].probes <= probes + 1  # one may have been on its way


async def test_new_flow_to_a_silent_host_hangs(start: Start) -> None:
    """Until the probe notices, new flows go to the silent host and are neither answered nor closed."""
    cluster = await start(affinity=Affinity.SOURCE, interval_s=0.3, threshold=1)
    _, _, name = await cluster.flow()
    cluster.balancer.silence(name)
    client = await cluster.client()
    await sent(client, b"anybody there?")
    await eventually(lambda: cluster.seen(name)["new_flows"] == 2, "the flow was given to the silent host")
    await cluster.until(name, up=False)
    assert is_quiet(client)
    assert len(cluster.hosts[name].connections) == 1
    cluster.balancer.unsilence(name)
    assert await was_reset(client)


async def test_host_that_is_back_resets_a_flow_whose_client_is_still_sending(start: Start) -> None:
    """What the client sent into the silence is sent again by its kernel, and answered with a reset."""
    cluster = await start(threshold=1)
    client, member, name = await cluster.flow()
    cluster.balancer.silence(name)
    await sent(client, b"anybody there?")
    await cluster.until(name, up=False)
    cluster.balancer.unsilence(name)
    assert await was_reset(client)
    assert await was_reset(member)


@pytest.mark.parametrize("act", ["send", "finish"])
async def test_host_that_is_back_resets_an_idle_flow_when_the_client_moves(start: Start, act: str) -> None:
    """A flow that was idle through the silence stays dead without a word until the client sends or ends."""
    cluster = await start(threshold=1)
    client, member, name = await cluster.flow()
    cluster.balancer.silence(name)
    cluster.balancer.unsilence(name)
    assert await was_reset(member)
    await cluster.until(name, up=True)
    assert is_quiet(client)
    if act == "send":
        await sent(client, b"hello again")
    else:
        client.shutdown(socket.SHUT_WR)
    assert await was_reset(client)
    await eventually(lambda: cluster.seen(name)["open_flows"] == 0, "the flow is gone")


@pytest.mark.parametrize("back", [False, True])
async def test_client_that_resets_is_forgotten(start: Start, back: bool) -> None:
    """A client that gave up leaves nothing behind, while the host is silent and after."""
    cluster = await start(threshold=1)
    client, _, name = await cluster.flow()
    cluster.balancer.silence(name)
    if back:
        cluster.balancer.unsilence(name)
    send_reset(client)
    await eventually(lambda: cluster.seen(name)["open_flows"] == 0, "the flow is gone")


@pytest.mark.parametrize("answer", ["late", "refused"])
async def test_connect_under_way_when_the_host_falls_silent_hangs(start: Start, answer: str) -> None:
    """A flow placed in the instant before the silence is not answered, whatever the old host still says."""
    cluster = await start(members=1, threshold=1)
    host = cluster.hosts["vm1"]
    await host.choke()
    client = await cluster.client()
    await sent(client, b"anybody there?")
    await eventually(lambda: cluster.seen("vm1")["new_flows"] == 1, "the flow is placed")
    cluster.balancer.silence("vm1")
    if answer == "late":
        host.recover()
    else:
        await host.refuse()
    await cluster.until("vm1", up=False)
    assert is_quiet(client)
    cluster.balancer.unsilence("vm1")
    assert await was_reset(client)


async def test_new_flows_are_served_after_the_silence(start: Start) -> None:
    """A host that is back and answers its probe serves like any other."""
    cluster = await start(members=1, threshold=1)
    cluster.balancer.silence("vm1")
    await cluster.until("vm1", up=False)
    cluster.balancer.unsilence("vm1")
    await cluster.until("vm1", up=True)
    client, member, _ = await cluster.flow()
    await sent(client, b"hello")
    assert await received(member) == b"hello"
