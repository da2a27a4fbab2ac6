"""What a flow carries: bytes, half-closes, resets and back-pressure, both ways."""

import asyncio
import hashlib
import socket

import pytest

from .conftest import Start
from .rig import Cluster, eventually, received, send_reset, sent, sent_until_refused, was_reset

pytestmark = pytest.mark.anyio


async def test_bytes_pass_both_ways(start: Start) -> None:
    """What either end sends arrives at the other, in order and complete."""
    client, member, _ = await (await start()).flow()
    await sent(client, b"question")
    assert await received(member) == b"question"
    await sent(member, b"answer")
    assert await received(client) == b"answer"


async def test_what_a_client_sends_before_its_member_answers_is_kept(start: Start) -> None:
    """Bytes and the end of file that arrive with the connection reach the member, in order."""
    cluster = await start(members=1)
    with socket.create_connection(cluster.balancer.address) as client:  # blocking: all at once
        client.sendall(b"early")
        client.shutdown(socket.SHUT_WR)
        member = await cluster.hosts["vm1"].arrival()
        assert await received(member) == b"early"
        assert await received(member) == b""
        await sent(member, b"reply")
        client.setblocking(False)
        assert await received(client) == b"reply"


@pytest.mark.parametrize("closer", ["client", "member"])
async def test_half_close_is_passed_on(start: Start, closer: str) -> None:
    """An end that has finished sending still receives, and the other end sees the end of file."""
    client, member, _ = await (await start()).flow()
    first, second = (client, member) if closer == "client" else (member, client)
    await sent(first, b"last words")
    first.shutdown(socket.SHUT_WR)
    assert await received(second) == b"last words"
    assert await received(second) == b""
    await sent(second, b"reply after the end")
    assert await received(first) == b"reply after the end"


async def test_flow_is_over_when_both_ends_finished(start: Start) -> None:
    """After both ends closed nothing of the flow is kept, and neither end saw a reset."""
    cluster: Cluster = await start()
    client, member, name = await cluster.flow()
    client.shutdown(socket.SHUT_WR)
    assert await received(member) == b""
    await sent(member, b"x" * 500_000)
    member.shutdown(socket.SHUT_WR)
    size = 0
    while chunk := await received(client):
        size += len(chunk)
    assert size == 500_000
    await eventually(lambda: cluster.seen(name)["open_flows"] == 0, "the flow is gone")


@pytest.mark.parametrize("resetter", ["client", "member"])
async def test_reset_is_passed_on(start: Start, resetter: str) -> None:
    """A reset on one side is a reset on the other, not an orderly close."""
    cluster: Cluster = await start()
    client, member, name = await cluster.flow()
    first, second = (client, member) if resetter == "client" else (member, client)
    send_reset(first)
    assert await was_reset(second)
    await eventually(lambda: cluster.seen(name)["open_flows"] == 0, "the flow is gone")


async def test_reset_after_a_half_close_is_passed_on(start: Start) -> None:
    """A member that finished sending and then resets is noticed when the client sends on."""
    cluster: Cluster = await start()
    client, member, name = await cluster.flow()
    member.shutdown(socket.SHUT_WR)
    assert await received(client) == b""
    send_reset(member)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await sent_until_refused(client)
    await eventually(lambda: cluster.seen(name)["open_flows"] == 0, "the flow is gone")


async def test_client_that_resets_before_its_member_answers_leaves_nothing(start: Start) -> None:
    """A flow whose client gave up during the connect is over once the member answers, and reaches nobody."""
    cluster = await start(members=1)
    await cluster.hosts["vm1"].choke()
    client = await cluster.client()
    await eventually(lambda: cluster.seen("vm1")["open_flows"] == 1, "the flow is placed")
    await sent(client, b"early")
    send_reset(client)
    cluster.hosts["vm1"].recover()
    await eventually(lambda: cluster.seen("vm1")["open_flows"] == 0, "the flow is gone")


async def test_stop_during_a_connect_resets_the_client(start: Start) -> None:
    """A balancer that stops does not wait for a member that never answers."""
    cluster = await start(members=1)
    await cluster.hosts["vm1"].choke()
    client = await cluster.client()
    await eventually(lambda: cluster.seen("vm1")["open_flows"] == 1, "the flow is placed")
    await cluster.balancer.stop()
    assert await was_reset(client)


async def test_slow_reader_holds_the_sender_back(start: Start) -> None:
    """Where the member does not read, the balancer stops reading too, and nothing is lost when it does."""
    client, member, _ = await (await start()).flow()
    block = bytes(range(256)) * 1024
    blocks = 256
    progress: list[int] = []
    upload = asyncio.create_task(_send(client, [block] * blocks, progress))
    await _stalled(progress)
    assert 0 < len(progress) < blocks / 2
    digest = hashlib.sha256()
    while chunk := await received(member, 1 << 20):
        digest.update(chunk)
    await upload
    assert digest.digest() == hashlib.sha256(block * blocks).digest()


async def _send(client: socket.socket, blocks: list[bytes], progress: list[int]) -> None:
    for block in blocks:
        await asyncio.get_running_loop().sock_sendall(client, block)
        progress.append(len(block))
    client.shutdown(socket.SHUT_WR)


async def _stalled(progress: list[int]) -> None:
    """Wait until nothing has moved for a hundred looks."""
    looks: list[int] = []

    def unmoved() -> bool:
        looks.append(len(progress))
        return len(looks) > 100 and looks[-100] == looks[-1] > 0

    await eventually(unmoved, "the sender is held back")
