"""What a run of the traffic comes to: counts, and the clients that were moved without need."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from drainer.demo.plan import Result, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`lag_*` is how late the generator itself was, no fault of the service; `moved` counts clients."""

    requests: int
    failed: int
    reasons: tuple[tuple[str, int], ...]
    by_vm: tuple[tuple[str, int], ...]
    slowest_s: float
    lag_p99_s: float
    lag_max_s: float
    moved: int


def summarise(
    results: Sequence[Result], *, out: Mapping[str, Sequence[Span]], slack_s: float = 0.5
) -> Summary:
    """The counts. `out`: when each VM took no new work; `slack_s`: how late that may have been seen."""
    served = [result for result in results if result.ok]
    failed = [result for result in results if not result.ok]
    lags = sorted(result.started_at - result.scheduled_at for result in results)
    return Summary(
        requests=len(results),
        failed=len(failed),
        reasons=tuple(Counter(f"{result.why} {result.detail}".strip() for result in failed).most_common()),
        by_vm=tuple(sorted(Counter(result.vm for result in served).items())),
        slowest_s=max(
            (result.finished_at - result.started_at for result in results if result.ok), default=0.0
        ),
        lag_p99_s=lags[int(len(lags) * 0.99)] if lags else 0.0,
        lag_max_s=lags[-1] if lags else 0.0,
        moved=len(moved(results, out=out, slack_s=slack_s)),
    )


def moved(
    results: Iterable[Result], *, out: Mapping[str, Sequence[Span]], slack_s: float = 0.5
) -> frozenset[str]:
    """Clients whose new connection went to another VM although neither the VM before nor the one after was
    out since. Going home, to the VM that served the client while all were in, is no move."""
    spans = {vm: [(start - slack_s, end + slack_s) for start, end in of] for vm, of in out.items()}
    placed: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.started_at):
        if result.opened and result.vm:
            placed[result.client].append(result)
    return frozenset(client for client, of in placed.items() if _was_moved(of, spans))


def _was_moved(placed: Sequence[Result], out: Mapping[str, Sequence[Span]]) -> bool:
    def was_out(vm: str, since: float, until: float) -> bool:
        return any(start <= until and since <= end for start, end in out.get(vm, ()))

    calm = (one for one in placed if not any(was_out(vm, one.started_at, one.finished_at) for vm in out))
    home = next(calm, placed[0]).vm
    return any(
        after.vm not in (before.vm, home)
        and not was_out(before.vm, before.started_at, after.finished_at)
        and not was_out(after.vm, before.started_at, after.finished_at)
        for before, after in pairwise(placed)
    )
