"""Policies and journals that are nearly right: YAML out of its own constructs, and lines of real journals."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.structured import ODD
from tests.fuzz.target import golden

_SCALARS = st.sampled_from(
    ["5m", "0s", "9999999999h", "5 minutes", "1e999", "0x1f", "0o7", "1:30:00", "~", "null", "yes", "9" * 400, "[]",
     "{}", "*a", "&a x", "!!binary eA==", "!!python/object:os.system x", "!x y", "'\\u2028'", '"\\ud800"', "\u2028",
     "\ufeff", "|", ">-", "²", "10%", "50", "drain", "log", "Reboot", "User", "127.0.0.1:80"]
)  # fmt: skip
_KEYS = st.sampled_from(
    ["version", "service_ports", "health", "backend", "budget", "keep_last", "min_in_service", "stuck_after", "egress",
     "hooks", "rules", "match", "do", "lead", "force", "drain_timeout", "settle", "type", "source", "http", "tcp",
     "health-probe", "haproxy", "<<", "? [1]", "''", "1", "vresion"]
)  # fmt: skip


def _flow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(_KEYS, inner).map(": ".join), max_size=4)
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        pairs.map(lambda found: "{" + ", ".join(found) + "}"),
    )


_VALUES = st.recursive(_SCALARS, _flow, max_leaves=8)
_LINES = st.lists(st.tuples(_KEYS, _VALUES).map(": ".join), max_size=5)
POLICIES = st.tuples(
    st.sampled_from(["version: 1", "version: 2", ""]), st.sampled_from(["rules: [{}]", ""]), _LINES
).map(lambda parts: "\n".join([*parts[:2], *parts[2], ""]).encode("utf-8", "surrogateescape"))


def bombs() -> dict[str, str]:
    """Small texts that spell something huge, by what is huge about them."""
    doubled = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))
    return {
        "aliases": f"a0: &a0 [x]\n{doubled}\n",
        "merges": "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(1, 200)),
        "depth-of-lists": "rules: " + "[" * 50_000,
        "depth-of-mappings": "rules: " + "{a: " * 10_000,
        "depth-by-indent": "".join(" " * n + "a:\n" for n in range(250)),
        "number": f"version: {'9' * 60_000}\n",
        "exponent": "version: 1e999999999\nkeep_last: -1e999999999\n",
        "sexagesimal": "version: 1" + ":59" * 10_000 + "\n",
        "many-keys": "".join(f"k{n}: {n}\n" for n in range(6_000)),
        "one-key-often": "version: 1\n" * 5_000,
        "long-text": f"version: '{'x' * 60_000}'\n",
        "long-anchor": f"&{'a' * 60_000} version: 1\n",
        "letters-beyond-the-first-plane": "version: " + "\U0001f3f3" * 15_000 + "\n",
        "tags": "version: " + "!!binary " * 5_000 + "\n",
        "documents": "---\nversion: 1\n" * 3_000,
    }


def _journal_lines() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for text in golden("journal/*.jsonl") for line in text.splitlines())


@st.composite
def _changed(draw: st.DrawFn) -> str:
    """A line of a real journal; one time in two with one of its values odd, or one of its members away."""
    line = json.loads(json.dumps(draw(st.sampled_from(_journal_lines()))))
    if draw(st.booleans()):
        holder = draw(
            st.sampled_from([line, *(each for each in line.values() if isinstance(each, dict) and each)])
        )
        key = draw(st.sampled_from(sorted(holder)))
        if draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(ODD)
    return json.dumps(line)


_ENDS = st.sampled_from([b"", b"\n", b"\n\n", b"\n{", b'\n{"schema":1', b"\xff\n", b"\0" * 64])
JOURNALS = st.tuples(st.lists(_changed(), max_size=10), _ENDS).map(
    lambda parts: "\n".join(parts[0]).encode() + parts[1]
)
"""Lines in an order that no daemon wrote, and an end as a power cut leaves it."""
