"""What the platform refuses before it looks at a category: the header rules and repeated parameters."""

from enum import StrEnum

from metadata_server.imds.exchange import Answer, Question, refusal
from metadata_server.switches import Switches

HEADER_MISSING = "Bad request. Required metadata header not specified"
FORWARDED = "Bad request. X-Forwarded-For header is not allowed"
REPEATED = "Bad request. Query parameter is repeated"


class Header(StrEnum):
    """Whether a request must carry `Metadata: true`; one version of one category does without."""

    REQUIRED = "required"
    OPTIONAL = "optional"


def refused(question: Question, switches: Switches, header: Header = Header.REQUIRED) -> Answer | None:
    """The refusal of what came through a proxy, lacks the header or repeats itself; None if it may pass."""
    wrong = complaint(question, switches, header)
    if wrong is None:
        return None
    if wrong == FORWARDED and switches.forwarded_body == "empty":
        return Answer(status=400)
    return refusal(400, wrong)


def complaint(question: Question, switches: Switches, header: Header = Header.REQUIRED) -> str | None:
    """What is wrong with a request in this respect; None if nothing is."""
    if "x-forwarded-for" in question.headers:
        return FORWARDED
    if header is Header.REQUIRED and not _has_header(question, switches):
        return HEADER_MISSING
    if len({key for key, _ in question.query}) != len(question.query):
        return REPEATED
    return None


def _has_header(question: Question, switches: Switches) -> bool:
    value = question.headers.get("metadata", "").strip()
    return (value.lower() if switches.metadata_header == "any-case" else value) == "true"
