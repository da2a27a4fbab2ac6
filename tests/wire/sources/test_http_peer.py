"""The poll's HTTP against a peer that misbehaves at every phase."""

from __future__ import annotations

import socket
import threading
from time import monotonic

import pytest

from drainer.errors import Transient
from drainer.transport.http import BODY_LIMIT, BaseUrl, HttpPeer
from tests.wire.sources.raw_peer import Script, Talk, answer, listening, saying

HEADERS = {"Metadata": "true"}


def get(base_url: str, *, timeout_s: float = 5.0) -> bytes:
    peer = HttpPeer(base_url)
    try:
        return peer.get("/x", headers=HEADERS, timeout_s=timeout_s).body
    finally:
        peer.close()


def kind_of(script: Script, *, timeout_s: float = 5.0) -> str:
    with listening(script) as peer, pytest.raises(Transient) as caught:
        get(peer.base_url, timeout_s=timeout_s)
    return caught.value.kind


def test_one_connection_serves_many_polls() -> None:
    """Polls reuse their connection and carry the given header, and nothing that a proxy would add."""
    with listening(saying(answer(b"one"), answer(b"two"))) as served:
        peer = HttpPeer(served.base_url)
        bodies = [peer.get("/x", headers=HEADERS, timeout_s=5).body for _ in range(3)]
        peer.close()
    assert bodies == [b"one", b"two", b"two"]
    assert len(served.connections) == 1
    assert {request.headers["metadata"] for request in served.heard} == {"true"}
    assert all("x-forwarded-for" not in request.headers for request in served.heard)


def test_ipv6() -> None:
    """A base URL with an address in brackets is spoken to over IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listening(saying(answer(b"six")), family=socket.AF_INET6) as served:
        assert get(served.base_url) == b"six"
    assert served.heard[0].headers["host"] == f"[::1]:{served.port}"


def test_proxy_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 34: with a proxy in the environment the request goes direct."""
    with listening(saying(answer(b"proxy"))) as proxy, listening(saying(answer(b"direct"))) as served:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        assert get(served.base_url) == b"direct"
    assert proxy.heard == []


def test_stale_connection_is_renewed_once_for_a_get() -> None:
    """A connection that was closed while idle costs no poll: the GET goes out again on a fresh one."""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(answer(b"%d" % talk.number))

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        bodies = [peer.get("/x", headers=HEADERS, timeout_s=5).body for _ in range(3)]
        peer.close()
    assert bodies == [b"1", b"2", b"3"]


def test_an_answer_that_breaks_off_is_not_asked_for_again() -> None:
    """The repeat is for stale connections alone: a reset in mid-answer is one failed poll, one request."""
    broke_off = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(answer(b"whole"))
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\n")
        broke_off.wait(0.2)  # so that the first bytes are read before the reset throws them away
        talk.reset()

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        peer.get("/x", headers=HEADERS, timeout_s=5)
        with pytest.raises(Transient) as caught:
            peer.get("/x", headers=HEADERS, timeout_s=5)
        peer.close()
    assert caught.value.kind == "reset"
    assert len(served.heard) == 2


def test_a_post_is_never_sent_twice() -> None:
    """A POST goes out once, on a fresh connection, and a reset leaves open whether it arrived."""

    def script(talk: Talk) -> None:
        if talk.request().method == "GET":
            talk.send(answer(b"kept"))
            talk.request()
        talk.reset()

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        peer.get("/x", headers=HEADERS, timeout_s=5)
        with pytest.raises(Transient) as caught:
            peer.post("/x", b"{}", headers=HEADERS, timeout_s=5)
    assert caught.value.kind == "reset"
    assert [request.method for request in served.heard] == ["GET", "POST"]
    assert len(served.connections) == 2


def test_nothing_listens() -> None:
    """A refused connection is called refused."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Transient) as caught:
        get(f"http://127.0.0.1:{port}")
    assert caught.value.kind == "refused"


def reset_before_answer(talk: Talk) -> None:
    talk.request()
    talk.reset()


def closed_before_answer(talk: Talk) -> None:
    talk.request()


def truncated_body(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def truncated_chunk(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf")


def declared_oversized(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1))


def undeclared_oversized(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (BODY_LIMIT + 1))


def no_http(talk: Talk) -> None:
    talk.request()
    talk.send(b"SSH-2.0-OpenSSH_9\r\n\r\n")


def endless_headers(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 200)


def on_and_on(head: bytes, again: bytes) -> Script:
    """The head, and then the same again for as long as somebody listens."""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(head)
        while True:
            talk.send(again)

    return script


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

ENDLESS = {
    "a chunk of -1 bytes": on_and_on(CHUNKED + b"-1\r\n", b"x" * 65536),
    "chunks with long lines": on_and_on(CHUNKED, b"1;" + b"x" * 60000 + b"\r\nx\r\n"),
    "trailers": on_and_on(CHUNKED + b"0\r\n", b"X-More: yes\r\n" * 1000),
    "heads that say continue": on_and_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("script", ENDLESS.values(), ids=list(ENDLESS))
def test_no_framing_holds_more_than_an_answer_may(script: Script) -> None:
    """However an answer without end is framed, the call gives up by its size, long before its deadline."""
    assert kind_of(script, timeout_s=60) == "oversized"


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        ("reset", reset_before_answer),
        ("reset", closed_before_answer),
        ("truncated", truncated_body),
        ("truncated", truncated_chunk),
        ("oversized", declared_oversized),
        ("oversized", undeclared_oversized),
        ("garbled", no_http),
        ("garbled", endless_headers),
        ("redirected", saying(answer(status="302 Found", Location="/elsewhere"))),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", "redirect"),
)
def test_each_fault_has_its_name(kind: str, script: Script) -> None:
    """Every fault raises Transient with a bounded kind, after one request."""
    assert kind_of(script) == kind


def trickled(part: str) -> Script:
    def script(talk: Talk) -> None:
        talk.request()
        match part:
            case "status":
                talk.trickle(b"HTTP/1.1 200 " + b"O" * 500, every_s=0.02)
            case "headers":
                talk.send(b"HTTP/1.1 200 OK\r\n")
                talk.trickle(b"X-Slow: 1\r\n" * 50, every_s=0.02)
            case _:
                talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
                talk.trickle(b"x" * 500, every_s=0.02)

    return script


@pytest.mark.parametrize("part", ["status", "headers", "body"])
def test_a_trickle_does_not_stretch_the_deadline(part: str) -> None:
    """However slowly bytes arrive, the call ends at its deadline, not at a deadline per byte."""
    began = monotonic()
    assert kind_of(trickled(part), timeout_s=0.3) == "timeout"
    assert monotonic() - began < 2


def test_silence_ends_at_the_deadline() -> None:
    """A peer that accepts and says nothing is a time-out."""
    assert kind_of(Talk.silence, timeout_s=0.2) == "timeout"


def test_after_a_fault_the_next_call_starts_clean() -> None:
    """A late answer to a call that was given up is never read as the answer to the next one."""
    late = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        if talk.number == 1:
            late.wait(5)
            talk.send(answer(b"late"))
        else:
            talk.send(answer(b"fresh"))

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        with pytest.raises(Transient):
            peer.get("/x", headers=HEADERS, timeout_s=0.2)
        late.set()
        assert peer.get("/x", headers=HEADERS, timeout_s=5).body == b"fresh"
        peer.close()


def test_no_call_outlasts_the_peers_lifetime() -> None:
    """A lifetime bounds every call, whatever the call's own time-out."""
    with listening(Talk.silence) as served:
        peer = HttpPeer(served.base_url, lifetime_s=0.2)
        began = monotonic()
        for _ in range(2):
            with pytest.raises(Transient) as caught:
                peer.get("/x", headers=HEADERS, timeout_s=60)
            assert caught.value.kind == "timeout"
        assert monotonic() - began < 2


def test_chunked_and_unmeasured_bodies_are_read_whole() -> None:
    """A body may be chunked, or end with the connection."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with listening(saying(chunked)) as served:
        peer = HttpPeer(served.base_url)
        assert [peer.get("/x", headers={}, timeout_s=5).body for _ in range(2)] == [b"abcde"] * 2
        peer.close()
    assert len(served.connections) == 1

    def to_the_end(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.0 200 OK\r\n\r\nto the end")

    with listening(to_the_end) as served:
        peer = HttpPeer(served.base_url)
        assert [peer.get("/x", headers={}, timeout_s=5).body for _ in range(2)] == [b"to the end"] * 2
    assert len(served.connections) == 2


def test_a_long_wait_comes_in_turns() -> None:
    """begin/finish: None while not a byte has come, the answer once it is there, one request in all."""
    may_answer = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        may_answer.wait(5)
        talk.send(answer(b"at last"))
        talk.request()
        talk.send(answer(b"kept"))

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        peer.begin("/x", headers=HEADERS, connect_timeout_s=5, answer_timeout_s=60)
        assert peer.finish(turn_s=0.05, timeout_s=5) is None
        may_answer.set()
        found = peer.finish(turn_s=5, timeout_s=5)
        assert found is not None
        assert found.body == b"at last"
        assert not peer.waiting
        assert peer.get("/x", headers=HEADERS, timeout_s=5).body == b"kept"
        peer.close()
    assert len(served.connections) == 1


def test_another_call_drops_a_long_wait() -> None:
    """A GET in the middle of a long wait gets its own answer, on a connection of its own."""

    def script(talk: Talk) -> None:
        if talk.request().path == "/slow":
            talk.silence()
        talk.send(answer(b"quick"))

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        peer.begin("/slow", headers=HEADERS, connect_timeout_s=5, answer_timeout_s=60)
        assert peer.get("/quick", headers=HEADERS, timeout_s=5).body == b"quick"
        assert not peer.waiting
        peer.close()


@pytest.mark.parametrize(("kind", "ending"), [("reset", Talk.reset), ("timeout", Talk.silence)])
def test_a_long_wait_ends_in_a_fault(kind: str, ending: Script) -> None:
    """A long wait ends at its own bound, and at once when the peer hangs up."""

    def script(talk: Talk) -> None:
        talk.request()
        ending(talk)

    with listening(script) as served:
        peer = HttpPeer(served.base_url)
        peer.begin("/x", headers=HEADERS, connect_timeout_s=5, answer_timeout_s=0.3)
        with pytest.raises(Transient) as caught:
            peer.finish(turn_s=5, timeout_s=5)
        assert caught.value.kind == kind
        assert not peer.waiting


@pytest.mark.parametrize("name", ["no.such.host.invalid", "a" * 64 + ".example"])
def test_unknown_host(name: str) -> None:
    """A host name that cannot be found is unresolved."""
    with pytest.raises(Transient) as caught:
        get(f"http://{name}")
    assert caught.value.kind == "unresolved"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://169.254.169.254", BaseUrl(host="169.254.169.254", port=80, path="")),
        ("http://[::1]:8080/", BaseUrl(host="::1", port=8080, path="")),
        ("http://emulator:81/vm1/", BaseUrl(host="emulator", port=81, path="/vm1")),
    ],
)
def test_base_urls(text: str, expected: BaseUrl) -> None:
    """A base URL is a host, a port (80), and a path without its last slash."""
    assert expected == BaseUrl.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "169.254.169.254",
        "https://x",
        "http://",
        "http://x:port",
        "http://x:99999",
        "http://u:p@x",
        "http://x?q",
        "http://x/ y",
        "http://[::1",
        "http://ü",
    ],
)
def test_bad_base_urls(text: str) -> None:
    """Anything else is refused by what was expected and what was found."""
    with pytest.raises(ValueError, match="expected http://"):
        BaseUrl.parse(text)
