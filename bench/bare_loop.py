"""The baseline of cost: a bare one-second poll on http.client with the daemon's own standard imports.

`python -m bench.bare_loop HOST PORT`. It reads the document and does nothing with it.
"""

from __future__ import annotations

import argparse  # noqa: F401  the same imports as the sidecar
import http.client
import http.server
import json
import sys
import threading

import yaml  # noqa: F401

PATH = "/metadata/scheduledevents?api-version=2020-07-01"


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    connection = http.client.HTTPConnection(host, port, timeout=5)
    pause = threading.Event()
    while True:
        connection.request("GET", PATH, headers={"Metadata": "true"})
        json.loads(connection.getresponse().read())
        pause.wait(1.0)


if __name__ == "__main__":
    main()
