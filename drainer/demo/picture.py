"""The demo's picture: who served what and when, each VM a lane, one panel above the other on one scale.

It draws what the traffic saw and what an observer wrote down; it judges nothing. matplotlib is imported
when a picture is drawn, not before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from drainer.demo.plan import Result, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BIN_S = 0.5
WIDTH_IN, PANEL_IN, LEGEND_IN = 13.0, 4.7, 0.5
COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: told apart by every eye
OUT, FAILED, WELL, INK, FAINT = "#d9d9d9", "#d62728", "#1a7f37", "#222222", "#8c8c8c"


class Mark(Protocol):
    """Something that happened to a VM. Drawn by the first word of `what`; words not in MARKS are not."""

    @property
    def at_s(self) -> float: ...

    @property
    def vm(self) -> str: ...

    @property
    def what(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a mark is drawn and what the legend calls it."""

    label: str
    shape: str
    colour: str
    size: float = 10


MARKS: Mapping[str, Look] = {
    "notice": Look(label="notice", shape="D", colour="#b8860b", size=8),
    "cordon": Look(label="cordon", shape="v", colour="#b8860b"),
    "reboot": Look(label="reboot", shape="X", colour=INK),
    "boot": Look(label="boot", shape="o", colour=FAINT),
    "restore": Look(label="restore", shape="^", colour=WELL),
}
"""`restored` is drawn as `restore`: the first look whose name begins the word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One run; its title is green where nothing failed. `out`: when each VM took no new work.

    Instants are on the traffic's clock.
    """

    title: str
    results: Sequence[Result]
    out: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    marks: Sequence[Mark] = ()

    @property
    def began_at(self) -> float:
        return min((result.scheduled_at for result in self.results), default=0.0)

    @property
    def lasted_s(self) -> float:
        return max((result.finished_at for result in self.results), default=0.0) - self.began_at

    @property
    def vms(self) -> frozenset[str]:
        seen = {result.vm for result in self.results} | set(self.out) | {mark.vm for mark in self.marks}
        return frozenset(seen - {""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What all panels share, so that they can be compared: lanes, time, and requests a second."""

    vms: tuple[str, ...]
    lasts_s: float
    most: float


def draw(panels: Sequence[Panel], *, png: Path, svg: Path) -> None:
    """Write the picture in both formats. Raises ValueError without a panel, OSError where it cannot write."""
    if not panels:
        raise ValueError("picture: expected a panel, got none")
    from matplotlib.figure import Figure

    with _styled():
        height = LEGEND_IN + PANEL_IN * len(panels)
        figure = Figure(figsize=(WIDTH_IN, height), facecolor="white")
        scale = Scale(
            vms=tuple(sorted(frozenset().union(*(panel.vms for panel in panels)))) or ("no VM",),
            lasts_s=max([BIN_S, *(panel.lasted_s for panel in panels)]),
            most=max([1.0, *(rate for panel in panels for vm in panel.vms for rate in _rates(panel, vm))]),
        )
        for number, panel in enumerate(panels):
            top = height - number * PANEL_IN
            _draw_panel(figure, panel, scale, top=top / height, bottom=(top - PANEL_IN) / height)
        _legend(figure, panels)
        figure.savefig(png, dpi=144, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None})


def _styled() -> AbstractContextManager[None]:
    import matplotlib

    return matplotlib.rc_context(
        {
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "axes.edgecolor": FAINT,
            "axes.linewidth": 0.8,
            "xtick.color": INK,
            "ytick.color": INK,
            "svg.fonttype": "none",
            "svg.hashsalt": "drainer",
        }
    )


def _draw_panel(figure: "Figure", panel: Panel, scale: Scale, *, top: float, bottom: float) -> None:
    """Draw one run between two heights, each a share of the figure's."""
    failed = [result for result in panel.results if not result.ok]
    inch = (top - bottom) / PANEL_IN
    lanes_top, strip_bottom = top - 0.5 * inch, bottom + 0.6 * inch
    title = figure.text(0.01, top - 0.1 * inch, panel.title, va="top", fontsize=15, fontweight="bold")
    title.set_color(FAILED if failed else WELL)
    middle = (lanes_top + strip_bottom + 0.5 * inch) / 2
    figure.text(0.01, middle, "requests served per second", rotation=90, va="center")
    grid = figure.add_gridspec(
        len(scale.vms) + 1,
        1,
        height_ratios=[*([3.0] * len(scale.vms)), 1.6],
        left=0.085,
        right=0.985,
        top=lanes_top,
        bottom=strip_bottom,
        hspace=0.16,
    )
    *lanes, strip = [figure.add_subplot(grid[row, 0]) for row in range(len(scale.vms) + 1)]
    for number, (vm, lane) in enumerate(zip(scale.vms, lanes, strict=True)):
        _draw_lane(lane, panel, vm, colour=COLOURS[number % len(COLOURS)])
        lane.set_ylim(0, scale.most * 1.35)
        lane.tick_params(labelbottom=False)
    _draw_failures(strip, panel, failed)
    for axes in (*lanes, strip):
        axes.set_xlim(0, scale.lasts_s)
    strip.set_xlabel("seconds since the traffic began")


def _draw_lane(lane: "Axes", panel: Panel, vm: str, *, colour: str) -> None:
    for start, end in panel.out.get(vm, ()):
        lane.axvspan(start - panel.began_at, end - panel.began_at, color=OUT, linewidth=0)
    rates = _rates(panel, vm)
    edges = [number * BIN_S for number in range(len(rates) + 1)]
    lane.stairs(rates, edges, fill=True, color=colour, alpha=0.85)
    lane.set_ylabel(vm, rotation=0, ha="right", va="center", color=colour, fontweight="bold")
    _tidy(lane)
    for mark in panel.marks:
        if mark.vm == vm and (look := _look(mark.what)):
            _draw_mark(lane, mark.at_s - panel.began_at, look)


def _draw_mark(lane: "Axes", at: float, look: Look) -> None:
    lane.axvline(at, color=look.colour, linewidth=1, linestyle=(0, (2, 2)))
    lane.plot(
        [at],
        [0.86],
        transform=lane.get_xaxis_transform(),
        marker=look.shape,
        color=look.colour,
        markeredgecolor="white",
        markersize=look.size,
        clip_on=False,
    )


def _draw_failures(strip: "Axes", panel: Panel, failed: Sequence[Result]) -> None:
    """One red tick for each failed request, where it was due."""
    strip.vlines(
        [result.scheduled_at - panel.began_at for result in failed],
        0,
        1,
        color=FAILED,
        linewidth=0.9,
        alpha=0.6,
    )
    strip.set_ylim(0, 1)
    strip.set_yticks([])
    strip.set_ylabel("failed", rotation=0, ha="right", va="center", color=FAILED)
    _tidy(strip)
    strip.spines["left"].set_visible(False)


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=OUT, linewidth=0.6)


def _legend(figure: "Figure", panels: Sequence[Panel]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def sign(label: str, shape: str, colour: str, size: float) -> Line2D:
        return Line2D([], [], linestyle="", marker=shape, color=colour, markersize=size, label=label)

    used = {_look(mark.what) for panel in panels for mark in panel.marks}
    entries = [
        *(sign(look.label, look.shape, look.colour, look.size) for look in MARKS.values() if look in used),
        Patch(facecolor=OUT, label="takes no new connections"),
        sign("failed request", "|", FAILED, 12),
    ]
    figure.legend(handles=entries, loc="lower center", ncols=len(entries), frameon=False)


def _look(what: str) -> Look | None:
    return next((look for name, look in MARKS.items() if what.startswith(name)), None)


def _rates(panel: Panel, vm: str) -> list[float]:
    """Requests a second that the VM served well, for each bin of the run, by when they were answered."""
    ended = Counter(
        int((result.finished_at - panel.began_at) / BIN_S)
        for result in panel.results
        if result.ok and result.vm == vm
    )
    return [ended[number] / BIN_S for number in range(int(panel.lasted_s / BIN_S) + 1)]
