"""The child: reads calls on stdin, asks Azure, answers on stdout; ends with its parent, or at its word.

Run as `python -m drainer.transport.azure.child`. Its settings come in its environment, nothing secret in
its arguments. The daemon kills it where it does not answer: the SDK's waits cannot be ended otherwise.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import BinaryIO

from drainer.clock import SystemClock
from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.management import Arm, Json, Operation
from drainer.transport.azure.framing import Answer, read_call, state_json, write_answer
from drainer.transport.azure.settings import ArmSettings, from_environment
from drainer.transport.http import HttpPeer

INSTANCE = "/metadata/instance?api-version=2021-02-01"
PR_SET_PDEATHSIG = 1

MEMORY = 512 << 20
"""What the child may fill; its packages, once imported, fill 58 MB (measured, Python 3.11 on Linux). The SDK
reads an answer whole, however long."""


def serve(arm: Arm, calls: BinaryIO, answers: BinaryIO) -> None:
    """Answer every call in order, until there are no more."""
    for line in calls:
        number, verb, arguments = read_call(line)
        answers.write(write_answer(_answered(arm, number, verb, arguments)))
        answers.flush()


def _answered(arm: Arm, number: int, verb: str, arguments: Json) -> Answer:
    try:
        return Answer(number=number, result=_done(arm, verb, arguments))
    except Exception as error:  # noqa: BLE001  a bug of ours, or the SDK's, must not end the daemon's episode
        if _out_of_memory(error):  # an answer without end: the next child begins anew, a write counts as lost
            raise SystemExit(f"an answer needs more than {MEMORY >> 20} MiB") from None
        if isinstance(error, DrainerError):
            return Answer(number=number, error=error)
        return Answer(number=number, error=Broken("azure-bug", f"{type(error).__name__}: {error}"))


def _out_of_memory(error: BaseException | None) -> bool:
    """Also where it was wrapped; C code that is short of memory may leave a SystemError instead."""
    while error is not None:
        if isinstance(error, MemoryError | SystemError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _done(arm: Arm, verb: str, arguments: Json) -> object:
    match verb:
        case "instance":
            return arm.instance()
        case "get":
            return arm.get(arguments["id"])
        case "put":
            begun = arm.begin_put(arguments["id"], arguments["body"], if_match=arguments["if_match"])
            return begun.key
        case "operation":
            asked = Operation(key=arguments["key"], resource_id=arguments["id"])
            return state_json(arm.operation(asked))
        case _:
            raise Refused("azure-rejected", f"no verb {verb!r}")


def instance_of(metadata_url: str) -> Json:
    """This VM's instance document. Raises Transient "azure-unreachable"."""
    import json

    peer = HttpPeer(metadata_url)
    try:
        answer = peer.get(INSTANCE, headers={"Metadata": "true"}, timeout_s=5.0)
    except Transient as error:
        raise Transient("azure-unreachable", f"the instance document: {error.reason}") from error
    finally:
        peer.close()
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if answer.status != 200 or not isinstance(found, dict):
        raise Transient("azure-unreachable", f"the instance document: status {answer.status}")
    return found


def connected(settings: ArmSettings) -> Arm:
    """The SDK, imported only here, with its token on the way."""
    from drainer.transport.azure.sdk.arm import SdkArm, audience_of
    from drainer.transport.azure.sdk.credential import Prefetched, managed_identity

    clock = SystemClock()
    os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = settings.metadata_url
    source = managed_identity(settings.client_id)
    scope = f"{audience_of(settings.management_url)}/.default"
    credential = Prefetched(source, scope, now=lambda: clock.now().wall)
    credential.start()
    return SdkArm(
        management_url=settings.management_url,
        credential=credential,
        instance=lambda: instance_of(settings.metadata_url),
        now=lambda: clock.now().wall,
        ca_file=settings.ca_file,
    )


def end_with_parent(parent: int) -> None:
    """Linux: killed when the parent is gone, also by SIGKILL. Elsewhere the end of stdin is the end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


def limit_memory() -> None:
    """Linux: of its own accord the child fills no more than `MEMORY`."""
    if sys.platform != "linux":
        return
    import resource  # not there on Windows

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def main() -> None:
    settings = from_environment(os.environ)
    end_with_parent(settings.parent)
    limit_memory()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whoever prints does not garble an answer
    serve(connected(settings), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
