"""The end of the management API while connections over TLS are half closed."""

import socket
import ssl
from urllib.parse import urlsplit

from tests.wire.metadata_server.azure_client import served, topology

BYE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_a_client_that_never_says_goodbye_does_not_break_the_end() -> None:
    """A connection that the server has closed, and the client has not, is ended with the server."""
    emulator = served(topology())
    address = urlsplit(emulator.management_url)
    trusting = ssl.create_default_context(cafile=emulator.authority)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as plain:
        encrypted = trusting.wrap_socket(plain, server_hostname=address.hostname)
        with encrypted:
            encrypted.sendall(BYE)
            assert encrypted.recv(4096).startswith(b"HTTP/1.1 401")
            emulator.close()
