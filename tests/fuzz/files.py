"""Files that drainer reads: policies, its journal, a marker and its evidence, which anybody may have written."""

from __future__ import annotations

from collections.abc import Iterable

from drainer import wiring
from drainer.control.history import history_of
from drainer.core.fold import fold
from drainer.core.policy import Policy
from drainer.errors import PolicyInvalid
from drainer.journal.compaction import compacted
from drainer.journal.lines import read_line, read_lines, write_line
from drainer.journal.storage import FileStore
from drainer.policyfile import effective, load, warnings
from drainer.policyfile.builtin import NAMES, builtin
from drainer.probe import marker
from tests.fuzz.target import Form, Target, folder, golden

EXCERPT = 8
POLICY_WORDS = (
    "version: 1\n", "rules:\n", "backend:\n", "- ", ": ", "*a", "&a ", "<<: *a\n", "!!python/object:os.system ",
    "!!binary ", "? ", "|\n", "...\n", "---\n", "%YAML 1.2\n", "[[[[", "{{{{", "0x1f", "1e999", "1:30:00", "\u2028",
    "\ufeff", "\\U99999999", "null", "match:", "lead:", "health-probe", "haproxy", "azure-nic-pool",
)  # fmt: skip


def policy(content: bytes) -> None:
    """Accepted, a policy says the same when it is written out and read again; refused, each of its problems
    has a place and a field in file order, on one line."""
    try:
        text = content.decode("utf-8", "surrogateescape")
        accepted = load(text, file="p", backends=wiring.built_in_kinds())
    except PolicyInvalid as invalid:
        return _placed(invalid)
    return _kept(accepted)


def journal(content: bytes) -> None:
    """Whatever stands in a journal is read without an error, and what was read is written back the same."""
    path = folder() / "journal.jsonl"
    path.write_bytes(content)
    store = FileStore(path.parent)
    lines = store.load()
    loaded = read_lines(lines, complete=store.complete)
    assert len(loaded.records) + len(loaded.damage) + loaded.skipped + loaded.torn == len(lines)
    for record in loaded.records:
        assert read_line(write_line(record)) == record
    state = fold(loaded.records)
    history_of(loaded.records)
    if state.episode is None and not loaded.damage and not loaded.torn:
        kept = compacted(lines, budget=len(content) // 2)
        assert fold(read_lines(kept).records).wishes == state.wishes


def evidence(content: bytes) -> None:
    """A marker or its evidence that makes no sense says nothing."""
    path = folder() / "draining"
    path.write_bytes(content)
    marker.evidence_path(path).write_bytes(content)
    assert isinstance(marker.read(path), dict)
    counts = marker.read_evidence(path, "1-1")
    assert all(isinstance(count, int) for count in counts.values())


def _placed(invalid: PolicyInvalid) -> None:
    places = [(problem.line, problem.column) for problem in invalid.problems]
    assert places == sorted(places) != []
    for problem in invalid.problems:
        assert problem.file == "p"
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.field
        assert len(str(problem).splitlines()) == 1


def _kept(accepted: Policy) -> None:
    written = effective(accepted)
    again = load(written, file="p", backends=wiring.built_in_kinds())
    assert again == accepted
    warnings(accepted)


def _policies() -> Iterable[bytes]:
    refused = (block for text in golden("policy/refused/*.txt") for block in text.split(b"=== ")[1:])
    bodies = (block.partition(b"\n")[2].partition(b"--- says\n")[0] for block in refused)
    return (*(builtin(name).encode() for name in NAMES), *bodies)


def _excerpts(*journals: bytes) -> Iterable[bytes]:
    """A few lines at a time: small inputs are many a second. Some begin in the middle of an episode."""
    for journal in journals:
        lines = journal.splitlines(keepends=True)
        for start in range(0, len(lines), EXCERPT // 2):
            yield b"".join(lines[start : start + EXCERPT])


TARGETS = (
    Target(
        name="policy",
        one=policy,
        under=("drainer.policyfile", "drainer.core.policy"),
        seeds=_policies,
        longest=8192,
        words=POLICY_WORDS,
    ),
    Target(
        name="journal",
        one=journal,
        under=(
            "drainer.journal",
            "drainer.core.codec",
            "drainer.core.fold",
            "drainer.core.fold_writes",
            "drainer.control.history",
        ),
        seeds=lambda: (
            *_excerpts(*golden("journal/*.jsonl"), *golden("cli/journal.jsonl")),
            b"",
            b"\xff\n",
            b"{}\n",
        ),
        form=Form.JSON_LINES,
        words=(
            "schema",
            "kind",
            "body",
            "is",
            "opened",
            "intended",
            "closed",
            "1e308",
            "0001-01-01T00:00:00Z",
        ),
    ),
    Target(
        name="marker",
        one=evidence,
        under=("drainer.probe.marker",),
        seeds=lambda: (
            b'{"schema": 1, "marker": "1-1", "down": {"168.63.129.16": 3}}',
            b'{"reason": "reboot"}',
        ),
        form=Form.JSON,
        longest=65536,
        words=("schema", "marker", "down", "[" * 64),
    ),
)
