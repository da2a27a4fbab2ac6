"""The write-ahead journal: append-only JSON lines, each safe on disk before the world is touched.

`storage` knows files, `lock` whose directory it is, `lines` knows the text of a record, `Journal` folds them
into a state.
"""

from drainer.journal.journal import Journal
from drainer.journal.lines import SCHEMA, read_line, read_lines, write_line
from drainer.journal.lock import StateLock
from drainer.journal.storage import FileStore, MemoryStore

__all__ = [
    "SCHEMA",
    "FileStore",
    "Journal",
    "MemoryStore",
    "StateLock",
    "read_line",
    "read_lines",
    "write_line",
]
