"""Every target, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import arguments, azure, documents, emulator, files, wire
from tests.fuzz.target import Target

ALL: Mapping[str, Target] = {
    each.name: each
    for module in (documents, files, wire, azure, arguments, emulator)
    for each in module.TARGETS
}
