"""The baseline of cost: a bare one-second poll on http.client that reads the document and drops it.

`python -m bench.bare_loop HOST PORT [MODULE …]`; the modules are imported first, so that the loop can be
given the imports of what it is compared with.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import sys
import threading

PATH = "/metadata/scheduledevents?api-version=2020-07-01"


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    for module in sys.argv[3:]:
        with contextlib.suppress(ImportError):  # compiled modules register names that no file bears
            importlib.import_module(module)
    connection = http.client.HTTPConnection(host, port, timeout=5)
    pause = threading.Event()
    while True:
        connection.request("GET", PATH, headers={"Metadata": "true"})
        json.loads(connection.getresponse().read())
        pause.wait(1.0)


if __name__ == "__main__":
    main()
