"""Everything that Azure's packages raise, in our words: the errors that `drainer.management` lists.

No token, no signed address and no body but the service's own error message enters a reason.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from drainer.errors import DrainerError, Refused, Transient

LOCKED = frozenset(
    {
        "retryableerror",
        "retryableerrorduetoanotheroperation",
        "anotheroperationinprogress",
        "referencedresourcenotprovisioned",
        "canceledandsupersededduetoanotheroperation",
        "operationnotallowed",
        "conflict",
    }
)
"""Codes by which Azure says "another operation holds it" (Request limits and throttling; field reports)."""

NO_IDENTITY = ("no identity has been assigned", "identity not found", "multiple user assigned identities")
"""What the metadata service says where only a person can choose or assign an identity."""

JITTER = 0.2
"""So much longer than the service asks, at most, so that a fleet does not march in step."""

LONGEST_WAIT_S = 86400.0
"""Past a day a Retry-After is taken for a mistake."""

LONGEST_REASON = 500

_ACTION = re.compile(
    r"perform action '([^']+)'(?: (?:over scope|on scope|on the linked scope\(s\)) '([^']*)')?"
)
_ADDRESS = re.compile(r"https?://[^\s'\"]+")
_TOKEN = re.compile(r"(?i:\bbearer\s+)[^\s'\"]+|\beyJ[\w-]+\.[\w.-]+")
"""A token as a header carries it, or as it is issued: a proxy may send back what it was asked with."""

Draw = Callable[[], float]
Now = Callable[[], datetime]


def translated(
    error: AzureError, *, now: Now, draw: Draw = random.random, writing: bool = False
) -> DrainerError:
    """The same in our words. `writing`: the request may have been acted on although no answer came."""
    match error:
        case HttpResponseError(response=response) if response is not None:
            return _answered(response, now=now, draw=draw, writing=writing)
        case ServiceRequestError():
            return Transient("azure-unreachable", _plain(f"the management API was not reached: {error}"))
        case ServiceResponseError() if writing:
            return Transient("azure-lost", _plain(f"no answer to a write; it may have been done: {error}"))
        case ServiceResponseError():
            return Transient("azure-unreachable", _plain(f"no answer from the management API: {error}"))
        case ClientAuthenticationError():
            return _unidentified(error)
        case _:
            return unreadable(f"{type(error).__name__}: {error}", writing=writing)


def retry_after(headers: Any, *, now: Now, draw: Draw) -> timedelta | None:
    """What Retry-After says, seconds or a date, and a little more; None where it says nothing."""
    text = str(headers.get("Retry-After") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _until(text, now())
    asked_s = min(max(0.0, seconds), LONGEST_WAIT_S)
    return timedelta(seconds=asked_s * (1 + JITTER * draw()))


def code_and_message(response: Any) -> tuple[str, str]:
    """The error's innermost telling code and its message; "" for what the answer does not say."""
    try:
        said = json.loads(response.text())
    except (ValueError, AttributeError, RecursionError):
        return "", ""
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, str):
        return error, str(said.get("error_description", ""))
    if not isinstance(error, dict):
        return "", ""
    details = error.get("details")
    inner = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    message = str(error.get("message", ""))
    more = str(inner.get("message", ""))
    told = f"{message} ({more})" if more and more != message else message
    code = str(error.get("code", ""))
    return (str(inner.get("code")) if _is_lock(str(inner.get("code", ""))) else code), told


def is_locked(code: str, status: int) -> bool:
    return _is_lock(code) or status == 409


def missing_action(message: str) -> tuple[str, str]:
    """The action that the caller lacks, and its scope: the last one that a 403 names."""
    found = _ACTION.findall(message)
    return found[-1] if found else ("", "")


def unreadable(told: str, *, writing: bool = False) -> Transient:
    """An answer of status 2xx that cannot be read: a portal's or proxy's. A write may have been done."""
    if writing:
        return Transient("azure-lost", _plain(f"a write's answer cannot be read; it may be done: {told}"))
    return Transient("azure-unavailable", _plain(f"the answer cannot be read: {told}"))


def _answered(response: Any, *, now: Now, draw: Draw, writing: bool) -> DrainerError:
    status = int(response.status_code)
    code, message = code_and_message(response)
    told = _plain(f"{status} {code}: {message}" if message else f"{status} {code or response.reason or ''}")
    later = retry_after(response.headers, now=now, draw=draw)
    if status in (409, 429) and is_locked(code, status):
        return Transient("azure-locked", told, retry_after=later)
    match status:
        case 429:
            return Transient("azure-throttled", told, retry_after=later)
        case 412:
            return Transient("azure-precondition", told)
        case 401:
            return Transient("azure-token", told)
        case 403:
            return Refused("azure-forbidden", _forbidden(message, told))
        case 404:
            return Refused("azure-not-found", told)
        case 408:
            return Transient("azure-unavailable", told, retry_after=later)
        case _ if status < 400:
            return unreadable(told, writing=writing)
        case _ if status >= 500:
            return Transient("azure-unavailable", told, retry_after=later)
        case _:
            return Refused("azure-rejected", told)


def _forbidden(message: str, told: str) -> str:
    action, scope = missing_action(message)
    if not action:
        return told
    where = scope or "the resource"
    return f"this VM's identity lacks the right {action} on {where}; a new role may take 30 minutes to hold"


def _unidentified(error: ClientAuthenticationError) -> DrainerError:
    """From the credential: no identity is for good, everything else passes."""
    told = _plain(str(error))
    if any(words.casefold() in told.casefold() for words in NO_IDENTITY):
        return Refused("azure-identity", told)
    return Transient("azure-token", told)


def _is_lock(code: str) -> bool:
    return code.casefold() in LOCKED


def _until(text: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def _plain(text: str) -> str:
    """One line, without addresses, since those of operations are signed, and without tokens."""
    return _TOKEN.sub("(token)", _ADDRESS.sub("(address)", " ".join(text.split())))[:LONGEST_REASON]
