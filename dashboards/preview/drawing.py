"""Drawing of one dashboard: its panels at their places in the grid, with the values they show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboards.preview.units import with_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from dashboards.preview.results import NamedLine, PanelAnswer

    Ask = Callable[[Mapping[str, Any]], PanelAnswer]
    """Returns the answer to the queries of a panel."""

COLUMNS = 24
"""Columns of Grafana's grid."""
_CELL = 30
"""Height of one row of the grid, in pixels; with its margin Grafana has 38."""
_WIDTH = 1280
_DPI = 100
_HEAD = 46
_GROUND, _CARD, _EDGE, _TEXT, _QUIET = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9297"
_NOTE = "#ff9830"
_COLOURS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#8f3bb8")
_NAMED = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "yellow": "#fade2a"}
_LEGEND_LINES = 5
_LETTER = 6.2
"""Width of a letter of the legend, in pixels."""
_VALUE = 60
"""Width of a column of values in the legend, in pixels."""
_CALCS: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "lastNotNull": ("Last", lambda values: values[-1]),
    "max": ("Max", max),
    "mean": ("Mean", lambda values: sum(values) / len(values)),
    "sum": ("Sum", sum),
}


def draw_board(board: Mapping[str, Any], ask: Ask, start: datetime, end: datetime) -> Figure:
    """Return a picture of a dashboard.

    Parameters
    ----------
    board
        Its JSON, with the variables replaced.
    ask
        Returns the answer to the queries of a panel. Its note is shown in the panel.
    start, end
        The time range of the horizontal axes.
    """
    rows = max(_bottom(panel) for panel in board["panels"])
    height = _HEAD + rows * _CELL + 8
    figure = Figure(figsize=(_WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor=_GROUND)
    figure.text(12 / _WIDTH, 1 - 20 / height, board["title"], color=_TEXT, size=13, va="center")
    figure.text(
        1 - 12 / _WIDTH,
        1 - 20 / height,
        f"{start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC",
        color=_QUIET,
        size=9,
        va="center",
        ha="right",
    )
    for panel in board["panels"]:
        _Place(figure, panel, height).draw(ask, start, end)
    return figure


def _cut(text: str, letters: int) -> str:
    """Return a text of at most so many letters."""
    return text if len(text) <= letters else f"{text[: max(letters - 1, 0)]}…"


def _bottom(panel: Mapping[str, Any]) -> int:
    place = panel["gridPos"]
    return int(place["y"]) + int(place["h"])


def _spells(line: NamedLine, end: float) -> Iterator[tuple[float, float, float]]:
    """Yield each time in which a line keeps a value: its start, its end, and the value."""
    since = line.times[0]
    for at, before, value in zip(line.times[1:], line.values, line.values[1:], strict=False):
        if value != before:
            yield since, at, before
            since = at
    yield since, end, line.values[-1]


class _Place:
    """The place of one panel in the picture."""

    def __init__(self, figure: Figure, panel: Mapping[str, Any], height: int) -> None:
        grid = panel["gridPos"]
        self._figure, self._panel, self._whole = figure, panel, height
        self._left = grid["x"] * _WIDTH / COLUMNS + 5
        self._top = _HEAD + grid["y"] * _CELL + 3
        self._width = grid["w"] * _WIDTH / COLUMNS - 10
        self._height = grid["h"] * _CELL - 6
        self._defaults = panel.get("fieldConfig", {}).get("defaults", {})
        self._unit = self._defaults.get("unit", "none")

    def draw(self, ask: Ask, start: datetime, end: datetime) -> None:
        kind = self._panel["type"]
        if kind == "row":
            self._say(0, self._height / 2 + 4, f"▾ {self._panel['title']}", _TEXT, 10)
            return
        card = self._axes(0, 0, self._width, self._height)
        card.set_facecolor(_CARD)
        card.set(xticks=[], yticks=[])
        for edge in card.spines.values():
            edge.set_color(_EDGE)
        self._say(8, 13, self._panel["title"], _TEXT, 9.5)
        answer = ask(self._panel)
        lines = [line for line in answer.lines if line.values]
        if not lines:
            middle, text = self._height / 2 + 6, answer.note or self._defaults["noValue"]
            self._say(self._width / 2, middle, text, _QUIET, 9, "center")
            return
        if answer.note:
            self._say(self._width - 8, 13, answer.note, _NOTE, 8, "right")
        if kind == "stat":
            self._stat(lines)
        elif kind == "piechart":
            self._pie(lines)
        elif kind == "state-timeline":
            self._states(lines, start, end)
        elif kind == "timeseries":
            self._series(lines, start, end)
        else:
            raise ValueError(f"a kind of panel that is not drawn yet: {kind!r}")

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self._whole - self._top - top - height
        return self._figure.add_axes(
            (
                (self._left + left) / _WIDTH,
                bottom / self._whole,
                width / _WIDTH,
                height / self._whole,
            )
        )

    def _say(
        self, left: float, top: float, text: str, colour: str, size: float, side: str = "left"
    ) -> None:
        self._figure.text(
            (self._left + left) / _WIDTH,
            1 - (self._top + top) / self._whole,
            text,
            color=colour,
            size=size,
            ha=side,
            va="center",
        )

    @property
    def _steps(self) -> list[tuple[float, str]]:
        """The thresholds, with the colour from each on; the first has no lower end."""
        steps = self._defaults.get("thresholds", {}).get("steps", [])
        return [
            (
                float("-inf") if step["value"] is None else step["value"],
                _NAMED.get(step["color"], step["color"]),
            )
            for step in steps
        ]

    def _colour(self, value: float) -> str:
        return next((each for from_, each in reversed(self._steps) if value >= from_), _TEXT)

    def _stat(self, lines: Sequence[NamedLine]) -> None:
        each = self._width / len(lines)
        for number, line in enumerate(lines):
            value, middle = line.values[-1], each * (number + 0.5)
            chart = self._axes(
                each * number + 1, self._height * 0.62, each - 2, self._height * 0.36
            )
            chart.axis("off")
            colour = self._colour(value)
            chart.fill_between(
                line.times, line.values, min(0, *line.values), color=colour, alpha=0.2
            )
            chart.plot(line.times, line.values, color=colour, linewidth=1)
            top = self._height * 0.46
            self._say(middle, top, with_unit(value, self._unit), colour, 19, "center")
            if len(lines) > 1:
                self._say(middle, top + 20, line.name, _QUIET, 8, "center")

    def _pie(self, lines: Sequence[NamedLine]) -> None:
        sums = [sum(line.values) for line in lines]
        shown = [(line.name, part) for line, part in zip(lines, sums, strict=True) if part > 0]
        if not shown:
            middle = self._height / 2 + 6
            self._say(self._width / 2, middle, self._defaults["noValue"], _QUIET, 9, "center")
            return
        side = self._height - 40
        chart = self._axes(10, 30, side, side)
        colours = [_COLOURS[number % len(_COLOURS)] for number in range(len(shown))]
        chart.pie([part for _, part in shown], colors=colours, startangle=90, counterclock=False)
        for number, (name, part) in enumerate(shown[:10]):
            top = 44 + number * 17
            self._say(side + 24, top, "●", colours[number], 9)
            share = f"{part / sum(sums):.1%}"
            self._say(side + 38, top, f"{name or 'value'}  {share}", _TEXT, 8.5)

    def _states(self, lines: Sequence[NamedLine], start: datetime, end: datetime) -> None:
        chart = self._axes(110, 26, self._width - 122, self._height - 26 - 24)
        chart.set_facecolor(_CARD)
        for edge in chart.spines.values():
            edge.set_visible(False)
        known = sorted({value for line in lines for value in line.values})
        for row, line in enumerate(lines):
            for since, until, value in _spells(line, end.timestamp()):
                colour = _COLOURS[known.index(value) % len(_COLOURS)]
                left, right = (date2num(datetime.fromtimestamp(at, UTC)) for at in (since, until))  # type: ignore[no-untyped-call]
                chart.barh(row, right - left, left=left, height=0.7, color=colour)
                if right - left > (date2num(end) - date2num(start)) / 25:  # type: ignore[no-untyped-call]
                    text = with_unit(value, self._unit)
                    chart.text((left + right) / 2, row, text, size=8, ha="center", va="center")
        chart.set_yticks(range(len(lines)), [line.name for line in lines])
        chart.set_ylim(len(lines) - 0.4, -0.6)
        self._time_axis(chart, start, end)

    def _time_axis(self, chart: Axes, start: datetime, end: datetime) -> None:
        chart.set_xlim(start, end)  # type: ignore[arg-type]
        locator = AutoDateLocator(tz=UTC, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        form = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
        chart.xaxis.set_major_locator(locator)
        chart.xaxis.set_major_formatter(form)
        chart.tick_params(colors=_QUIET, labelsize=7.5, length=0)

    def _series(self, lines: Sequence[NamedLine], start: datetime, end: datetime) -> None:
        custom = self._defaults.get("custom", {})
        bars = custom.get("drawStyle") == "bars"
        ordered = sorted(lines, key=lambda line: -max(line.values))
        legend = min(len(lines), _LEGEND_LINES) * 15 + 18
        chart = self._axes(58, 26, self._width - 70, self._height - 26 - 22 - legend)
        chart.set_facecolor(_CARD)
        chart.grid(visible=True, color=_EDGE, linewidth=0.7)
        for edge in chart.spines.values():
            edge.set_visible(False)
        low = min(min(line.values) for line in lines)
        high = max(max(line.values) for line in lines)
        wide = (end - start).total_seconds() / 86_400 / 90
        stacked = custom.get("stacking", {}).get("mode") == "normal"
        ground: dict[float, float] = {}
        for number, line in enumerate(ordered):
            colour = _COLOURS[number % len(_COLOURS)]
            times = [datetime.fromtimestamp(at, UTC) for at in line.times]
            if bars:
                under = [ground.get(at, 0.0) if stacked else 0.0 for at in line.times]
                chart.bar(times, line.values, width=wide, bottom=under, color=colour, alpha=0.8)  # type: ignore[arg-type]
                for at, value in zip(line.times, line.values, strict=True):
                    ground[at] = ground.get(at, 0.0) + value
            else:
                chart.plot(times, line.values, color=colour, linewidth=1.4)  # type: ignore[arg-type]
                if len(times) == 1:
                    chart.plot(times, line.values, "o", color=colour, markersize=3)  # type: ignore[arg-type]
        high = max([high, *ground.values()])
        if high == low:
            high = low + 1
        for from_, colour in self._steps[1:]:
            if from_ <= 4 * max(high, 1e-12) or high == 0:  # else it would flatten the lines
                chart.axhline(from_, color=colour, linewidth=1, linestyle="--")
                high = max(high, from_)
        low = min(low, custom.get("axisSoftMin", low))
        room = (high - low or abs(high) or 1) * 0.08
        chart.set_ylim(low - (room if low < 0 else 0), high + room)
        chart.yaxis.set_major_locator(MaxNLocator(4))
        chart.yaxis.set_major_formatter(FuncFormatter(lambda at, _: with_unit(at, self._unit)))
        self._time_axis(chart, start, end)
        self._legend(ordered, legend)

    def _legend(self, lines: Sequence[NamedLine], height: int) -> None:
        calcs = [_CALCS[name] for name in self._panel["options"]["legend"]["calcs"]]
        top = self._height - height + 6
        places = [self._width - 14 - _VALUE * (len(calcs) - 1 - n) for n in range(len(calcs))]
        for (title, _), place in zip(calcs, places, strict=True):
            self._say(place, top, title, _QUIET, 7.5, "right")
        for number, line in enumerate(lines[:_LEGEND_LINES]):
            at = top + 15 * (number + 1)
            self._say(10, at, "━", _COLOURS[number % len(_COLOURS)], 9)
            more = len(lines) - _LEGEND_LINES
            last = number == _LEGEND_LINES - 1 and more > 0
            after = f"   (and {more} more)" if last else ""
            room = int(((places[0] if places else self._width) - _VALUE) / _LETTER) - len(after)
            self._say(24, at, _cut(line.name, room) + after, _TEXT, 8)
            for (_, calc), place in zip(calcs, places, strict=True):
                text = with_unit(calc(line.values), self._unit)
                self._say(place, at, text, _TEXT, 8, "right")
