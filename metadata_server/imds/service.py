"""From a path to the category that answers it, past what the platform refuses first."""

from metadata_server.imds import identity, instance, loadbalancer, scheduled_events, v1, versions
from metadata_server.imds.exchange import Answer, Question, not_allowed, not_found
from metadata_server.imds.gate import Header, refused
from metadata_server.imds.sources import Sources
from metadata_server.world import World


def respond(question: Question, world: World, sources: Sources | None = None) -> Answer:
    """What the metadata service answers this VM now; without sources it has tokens, and no balancer."""
    there = sources or Sources()
    match question.segments:
        case ("metadata", "v1", *_):
            return v1.respond(question, world.timeline(), world.vm(question.vm))
        case ("metadata", "scheduledevents"):
            return _scheduled_events(question, world)
        case ("metadata", "instance", *_) | ("metadata", "versions"):
            return _described(question, world)
        case ("metadata", "identity", *_):
            return _identified(question, world, there)
        case ("metadata", "loadbalancer", *_):
            refusal = refused(question, world.timeline().switches)
            vm = world.vm(question.vm)
            return refusal or loadbalancer.respond(question, vm, there.rules(vm.name))
        case _:
            return not_found()


def is_scheduled_events(question: Question) -> bool:
    """Whether the question is one for Scheduled Events."""
    return question.segments == ("metadata", "scheduledevents")


def is_identity(question: Question) -> bool:
    """Whether the question is one for tokens."""
    return question.segments[:2] == ("metadata", "identity")


def _identified(question: Question, world: World, sources: Sources) -> Answer:
    state, vm = world.timeline(), world.vm(question.vm)
    return identity.respond(question, vm, issuer=sources.issuer, switches=state.switches, now=state.now)


def _scheduled_events(question: Question, world: World) -> Answer:
    switches = world.timeline().switches
    # Scheduled Events, "Version and region availability": the header is compulsory since 2017-08-01.
    old = question.parameter("api-version") == scheduled_events.UNDERSCORED
    header = Header.OPTIONAL if old else Header.REQUIRED
    answer = refused(question, switches, header) or scheduled_events.respond(question, world)
    if answer.status >= 400 and switches.events_errors == "empty":
        return Answer(status=answer.status, headers=answer.headers)
    return answer


def _described(question: Question, world: World) -> Answer:
    refusal = refused(question, world.timeline().switches)
    if refusal is not None:
        return refusal
    if question.method != "GET":
        return not_allowed("GET")
    if question.segments[1] == "versions":
        return versions.respond()
    return instance.respond(question, world.vm(question.vm))
