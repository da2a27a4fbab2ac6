"""The HTTP control path: `POST /VERB` gives a command, `GET /VIEW` shows the scenario. JSON both ways."""

import json
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from metadata_server.control import managing, views
from metadata_server.control.fields import read
from metadata_server.control.openapi import document
from metadata_server.control.verbs import VERBS, Verb
from metadata_server.directory import Directory
from metadata_server.errors import BadInput, Conflict, EmulatorError, Problem, Unknown, bad_input
from metadata_server.times import rfc1123
from metadata_server.world import World

Balancers = Callable[[], list[dict[str, object]]]
_STATUS = {BadInput: 400, Unknown: 404, Conflict: 409}


def control_app(*, world: World, directory: Directory, balancers: Balancers) -> Starlette:
    """The control path over one world; `balancers` tells how they stand."""

    def view(path: str, show: Callable[[Request], object]) -> Route:
        async def endpoint(request: Request) -> Response:
            return _guarded(world, lambda: show(request))

        return Route(path, endpoint, methods=["GET"])

    def verb(one: Verb) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            return _guarded(world, lambda: one.act(world, read(one.fields, _parsed(body))))

        return Route(f"/{one.name}", endpoint, methods=["POST"])

    routes = [
        view("/events", lambda request: views.events_view(world, gone=_gone(request))),
        view("/clock", lambda _: views.clock_view(world)),
        view("/vms", lambda _: views.vms_view(world, directory)),
        view("/switches", lambda _: views.switches_view(world)),
        view("/faults", lambda _: views.faults_view(world)),
        view("/balancers", lambda _: {"balancers": balancers()}),
        view("/arm", lambda request: managing.resources_view(world, request.query_params.get("id", ""))),
        view("/arm-faults", lambda _: managing.faults_view(world)),
        view("/requests", lambda _: managing.requests_view(world)),
        view("/openapi.json", lambda _: document()),
        *(verb(one) for one in VERBS),
    ]
    paths = [f"{sorted(route.methods or ())[0]} {route.path}" for route in routes]

    async def lost(request: Request, _: Exception) -> Response:
        found = f"{request.method} {request.scope['path']}"
        problem = Problem(field="path", expected=f"one of {', '.join(paths)}", found=found)
        return _refusal(world, Unknown([problem]))

    async def wrong_method(request: Request, _: Exception) -> Response:
        allowed = [path for path in paths if path.endswith(f" {request.scope['path']}")]
        problem = Problem(field="method", expected=" or ".join(allowed), found=request.method)
        return _refusal(world, BadInput([problem]), status=405)

    return Starlette(routes=routes, exception_handlers={404: lost, 405: wrong_method})


def _guarded(world: World, show: Callable[[], object]) -> Response:
    try:
        return _reply(world, 200, show())
    except EmulatorError as error:
        return _refusal(world, error)


def _refusal(world: World, error: EmulatorError, *, status: int | None = None) -> Response:
    content = {
        "error": str(error),
        "kind": error.kind,
        "problems": [_problem(problem) for problem in error.problems],
    }
    return _reply(world, status or _STATUS[type(error)], content)


def _problem(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "expected": problem.expected, "found": problem.found}


def _reply(world: World, status: int, content: object) -> Response:
    # Half a surrogate pair, as a client may spell one, has no UTF-8: it goes back as the escape it came as.
    body = json.dumps(content, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
    headers = {"Date": rfc1123(world.now())}
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise bad_input("body", expected="a JSON object", found=body[:60].decode(errors="replace")) from None


def _no_number(word: str) -> float:
    """NaN and the infinities are no JSON."""
    raise ValueError(word)


def _gone(request: Request) -> str:
    value = request.query_params.get("gone", "hidden")
    if value not in ("hidden", "shown"):
        raise bad_input("gone", expected="hidden or shown", found=value)
    return value
