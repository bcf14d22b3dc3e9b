"""The page for people: the promises first, then what they rest on."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.benchmarks.loop.own import section, verdicts
from tests.benchmarks.loop.policies import BEATEN, REPLAYED
from tests.benchmarks.loop.promises import by_the_first_promise, decided_by_chance, promises_of
from tests.benchmarks.loop.public.catalogue import PUBLIC
from tests.benchmarks.loop.public.halves import half_of
from tests.benchmarks.loop.records import MEMORY_GB
from tests.benchmarks.loop.streams import SEED
from tests.benchmarks.loop.tables import signed, table, yes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.loop.replayed import Replayed
    from tests.benchmarks.loop.series import Series

PACKAGES = ("numpy", "pandas", "scikit-learn", "evidently", "river", "onnxruntime", "skl2onnx")
PICTURES = ("closed-loop-promises.svg", "closed-loop.svg")
_BLOCK = re.compile(r"<!-- (?P<name>\w+) -->\n(?P<text>.*?)\n<!-- /(?P=name) -->", re.DOTALL)
_ROW = re.compile(
    r"^\| (?P<number>\d) \| (?P<text>.*?) \| (?P<found>.*?) \| (?P<holds>.*?) \|$", re.MULTILINE
)
_NOT_RUN = {
    "short": "",
    "seen": "The half that may be looked at has **not been run yet**.",
    "once": "The half that is run once has **not been run yet**.",
    "series": "",
    "own": "",
}


def part_of(series: Series) -> str:
    """Return the part that a series is run with: ``seen``, ``once`` or ``own``."""
    return "own" if series.settings == "own" else series.split


def to_page(replayed: Sequence[Replayed], before: str, kind: str) -> str:
    """Return the page in Markdown.

    Parameters
    ----------
    replayed
        All series of the parts that were run.
    before
        The page as it was: what it says of the other parts stays.
    kind
        Which run it was: ``full`` or ``quick``.
    """
    blocks = _NOT_RUN | {found["name"]: found["text"] for found in _BLOCK.finditer(before)}
    parts = {
        part: [one for one in replayed if part_of(one.series) == part]
        for part in ("seen", "once", "own")
    }
    if seen := parts["seen"]:
        picture = f"![Ours against the better calendar, by series]({PICTURES[0]})"
        blocks["short"] = _joined(picture, in_three_sentences(seen))
        blocks["seen"] = _joined(promise_table(seen), *_left_out(seen), every_policy(seen))
        blocks["series"] = _joined(public_table(seen), _made("seen", kind))
    if once := parts["once"]:
        about = "The half that is run once:"
        blocks["once"] = _joined(
            *(about, promise_table(once), *_left_out(once), every_policy(once), public_table(once)),
            _made("once", kind),
        )
    if own := parts["own"]:
        picture = f"![The metric of each policy over time, by series]({PICTURES[1]})"
        details = [section(one) for one in own]
        blocks["own"] = _joined(verdicts(own), _made("own", kind), picture, *details)
    marked = {name: f"<!-- {name} -->\n{text}\n<!-- /{name} -->" for name, text in blocks.items()}
    summary = [_HEAD, in_one_table(blocks["seen"], blocks["once"]), marked["short"], _LEADS]
    top = [*summary, _PROMISES, marked["seen"], marked["once"], _HOW.format(seed=SEED)]
    rest = [_PUBLIC, marked["series"], _OWN, marked["own"], _COSTS.format(memory=MEMORY_GB)]
    return _joined(*top, *rest) + "\n"


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts)


def _left_out(replayed: Sequence[Replayed]) -> list[str]:
    """Return sentences about what of a half was not run, if there is any."""
    names, half = {one.series.name for one in replayed}, replayed[0].series.split
    missing = [name for name in PUBLIC if half_of(name) == half and name not in names]
    told = []
    if named := ", ".join(f"`{name}`" for name in missing):
        told.append(f"**Not replayed yet**: {named}. What is said above is without them.")
    for policy in BEATEN:
        without = [one.series.name for one in replayed if policy not in one.outcomes]
        if named := ", ".join(f"`{name}`" for name in without):
            told.append(
                f"**Not replayed yet** under `{policy}`: {named}. The better of the two calendars "
                "is the other one there."
            )
    return told


def _made(part: str, kind: str) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    quick = " --quick" if kind == "quick" else ""
    return (
        f"From a **{kind}** run (`python -m tests.benchmarks.loop --part {part}{quick}`). Python "
        f"{platform.python_version()} on {platform.machine()}; {versions}."
    )


def promise_table(replayed: Sequence[Replayed]) -> str:
    """Return the six promises, and what holds."""
    rows = [
        [
            str(number),
            promise.text,
            promise.found,
            "not measured" if promise.holds is None else yes(promise.holds),
        ]
        for number, promise in enumerate(promises_of(replayed), 1)
    ]
    return table(["", "promise, with default settings", "found", "holds"], rows)


def every_policy(replayed: Sequence[Replayed]) -> str:
    """Return what every policy comes to by the measure of the first promise."""
    head = [
        *("policy", "within noise of the better calendar, or better"),
        *("worse by more than 2 %, beyond noise", "median loss", "retrainings"),
    ]
    return _joined(
        "The same measure for every policy says how much of a loss is the choice of a policy, and "
        "how much is chance. One of the two calendars is the better one itself:",
        table(head, by_the_first_promise(replayed)),
        _chance(replayed),
    )


def _chance(replayed: Sequence[Replayed]) -> str:
    """Return how often chance decides the first promise, in words; nothing if that is not known."""
    decided = decided_by_chance(replayed)
    if decided is None:
        return ""
    return (
        "`calendar, every second` and `calendar, odd periods` do the same work, a period apart. On "
        f"{decided} of {len(replayed)} series one of them is within noise of the better calendar, "
        "and the other is not."
    )


def in_one_table(seen: str, once: str) -> str:
    """Return the promises with what each half found, from the two tables of the page."""
    halves = [{row["number"]: row for row in _ROW.finditer(text)} for text in (seen, once)]
    texts = {number: row["text"] for half in halves for number, row in half.items()}

    def told(half: dict[str, re.Match[str]], number: str) -> str:
        row = half.get(number)
        return f"{row['holds']}: {row['found']}" if row else "not run yet"

    rows = [
        [number, text, *(told(half, number) for half in halves)]
        for number, text in sorted(texts.items())
    ]
    heads = ["", "promise", "series that may be looked at", "series that are run once"]
    return table(heads, rows)


def in_three_sentences(replayed: Sequence[Replayed]) -> str:
    """Return the page in short."""
    kept = sum(promise.holds is True for promise in promises_of(replayed))
    better = sum(one.ours_against(one.strongest).value > 0 for one in replayed)
    ours, calendar = (
        sum(one.outcomes[name].retrainings for one in replayed) for name in ("ours", "calendar")
    )
    return (
        f"With default settings {kept} of 6 promises hold today on the {len(replayed)} series that "
        "may be looked at. Ours is better than the better of two calendars on "
        f"{better} of them, and within noise of it or better on "
        f"{sum(one.ours_against(one.strongest).within_noise for one in replayed)}. "
        f"It retrained {ours} times where the calendar retrained {calendar} times."
    )


def public_table(replayed: Sequence[Replayed]) -> str:
    """Return what came of each series under each policy."""
    run = {name for one in replayed for name in one.outcomes}
    policies = [name for name in REPLAYED if name in run and name != "ours"]
    rows = []
    for one in replayed:
        ours = one.outcomes["ours"]
        rows.append(
            [
                f"{one.series.name}, {ours.metric}",
                *(_of(one, name) for name in policies),
                f"**{_value(ours.value)}**",
                _counts(one),
                signed(one.ours_against(one.strongest)),
                f"{-one.loss:+.1%}",
                "yes" if one.drifts_all_the_time else "no",
            ]
        )
    head = [
        *("series", *policies, "ours", "retrained, promoted, wrongly"),
        *("ours against the better calendar", "share", "drifts all the time"),
    ]
    about = "\n".join(
        f"- `{one.series.name}`: {one.series.about} {len(one.series.periods)} periods, "
        f"{len(one.outcomes['ours'].sums):,} rows served; labels after {one.series.label_delay}."
        for one in replayed
    )
    return f"{table(head, rows)}\n\n{about}"


def _of(one: Replayed, policy: str) -> str:
    return _value(one.outcomes[policy].value) if policy in one.outcomes else "not run"


def _counts(one: Replayed) -> str:
    ours, calendar = one.outcomes["ours"], one.outcomes["calendar"]
    trained = f"{ours.retrainings} of {calendar.retrainings}"
    return f"{trained}, {ours.promotions}, {ours.wrong_promotions}"


def _value(number: float) -> str:
    return f"{number:.4g}" if abs(number) >= 1 else f"{number:.4f}"


_HEAD = """
# Does the loop pay?

<!-- Written by tests/benchmarks/loop; do not edit. -->

Does it pay to retrain on drift and to compare before promoting, beside a calendar that retrains and
deploys each month? Series of other people were replayed, with the default settings of `model.toml`:
"""

_LEADS = """
Below: [the promises with what is missing](#the-promises),
[how it was measured](#how-it-was-measured), [each series](#series-that-nobody-tuned-for),
[the series that settings were chosen on](#series-that-settings-were-chosen-on), and
[how the seconds were measured](#how-the-seconds-were-measured).
"""

_PROMISES = """
## The promises

Whole series are replayed under several policies of retraining. The promises are about series of
other people with the **default** settings of `model.toml`. Half of these series may be looked at
while the loop is worked on: the first table is about them. The other half is run once, and
published whatever it says. Which half a series belongs to follows from the SHA-256 of its name
(`tests/benchmarks/loop/public/halves.py`). Fifty-eight series were run once with earlier rules:
nine with the first, twelve with the second, seventeen with the third, twenty with the fourth. Since
the rules were changed with those results known, they may be looked at, and new series took their
place. What a new series must have, so that two per cent can be seen on it, was written down before
any was replayed (`tests/benchmarks/loop/public/criterion.py`). Two clauses came later. A feature of
`avocado_prices` had no value in its first rows, so no champion could be trained, and it was left
out. And where nothing drifts, the first champion must know 5,000 rows: one that knows few gains
from each further row, so to it such a world is not a quiet one.

Series that were run once showed two faults, which are mended since. After a refit the outputs of
the model alone raised a drift: of `chemistry_shuffled`, in which nothing moves, 18 of 23 checks
did. And a check passed over the labels that came in at its very moment, although a data set has
them. Of rows of a year, whose labels take a year, it saw none at every second check.
`mortality_usa` and `attacks_world` are such series. The numbers of this page are from before that
was mended.
"""

_HOW = """
## How it was measured

- `never` keeps the first champion.
- `calendar` retrains at the end of each period on all labelled rows. It holds nothing out, and
  deploys the new model without a comparison. `calendar, our window` does the same with the training
  window that the shipped library chooses. These two are the strongest that can be had without a
  comparison. Nobody knows beforehand which of them will be better. `calendar, every second` does as
  `calendar` at the end of every second period: it says what half of the work is worth. `calendar,
  odd periods` does the same work at the end of the other periods: it says what chance does.
- `naive` does as `calendar` whenever Evidently's default flag is up (half of the columns drifted,
  with its own choice of tests). A window with fewer than 20 rows raises no flag.
- `adwin` does as `calendar` whenever river's ADWIN, with its defaults, finds that the errors of the
  champion have changed.
- `ours` is the shipped policy. The drift check decides whether to train. The comparison on the
  holdout decides whether to deploy.
- `always` retrains at the end of each period on the data set of the shipped policy, without its
  holdout, and deploys the new model without a comparison. `always, our window` chooses its window
  as `ours` does.
- `oracle` retrains each period and deploys the model that is better in the next period. Nobody can
  know that in advance.

All policies start from the same first champion. Labels arrive late, as in production. The models
that answer a period were trained before it began. Check, data set, training, export to ONNX and
comparison are the library's own functions. Request log, bucket and clock are in memory.

A retraining is a training run that was started. No retraining follows the last period, because no
next period could judge it. A promotion was wrong if the promoted model did worse in the next period
than the replaced model would have done. Where nothing drifts, all periods that follow count instead
of the next one: each is a sample of the same world, and one alone says little about two models that
are nearly alike. The value is the metric over all served rows together: a
larger F1 is better, a smaller RMSE is better. A paired bootstrap over blocks of time with 2,000
draws estimates the noise. Ours is within noise of another policy if it is better, or if the 95 %
interval of the difference contains zero. Drift is called continuous where `calendar, every second`
is worse than `calendar` beyond noise, so that half of the work is surely too little, or where two
thirds of what the calendar deploys is better than what it replaces.

`make bench-loop` writes this page, its pictures and `.evergreen/bench/loop.json` again
(`QUICK=1`: the series that may be looked at, their first 24 periods, under `never`, `calendar` and
`ours`; `ONCE=1`: the half that is run once). The seed of the streams is {seed}; all other seeds are
fixed in the code.
"""

_PUBLIC = """
## Series that nobody tuned for

Each table is cut by the same rules. The first fifth of its time trains the first champion. The rest
is served by months; by quarters, or else years, where there are more than 120 months; by weeks
where all of it lasts less than a year and a half. A check looks back one period, or to 400 rows if
a period has fewer. A table of more than 30,000 rows is thinned. The model is scikit-learn's
HistGradientBoosting, and nothing of it is tuned. A quick run replays the first 24 periods and
leaves out `always` and `oracle`. The data come in packages. `make bench-loop` installs them into
an environment of their own; none of their code is run.
"""

_OWN = """
## Series that settings were chosen on

The settings of the three examples were chosen with these series in view. The synthetic streams are
drawn three times each, because a rule may fit one draw by luck. Each example has only one draw. So
their lines show what is possible, not what another year would give. A check runs once a month on
that month (for the daily series on its last 90 days). Where a share of the flights is used, limits
in rows are the same share of those in `model.toml`.

The settings of the examples did not become the defaults. They count days and rows of these data:
90 days to earn a retraining, 1,000 or 90 labelled rows, four years to train on. A model of another
pace would wait for ever, or retrain all the time. The defaults follow the rows of each model
instead, and how fast it ages
([how many rows are enough](retraining.md#how-many-rows-are-enough)). The examples keep theirs,
because they show how a model that is known well is set.
"""

_COSTS = """
## How the seconds were measured

Seconds are CPU time on one thread, so other work on the machine does not count. A policy reuses a
model that another policy has trained, and its seconds include that training. Lambda-seconds are
those of the loop's functions (check, data set, training with export, comparison). Seconds also
include serving. Neither includes the start of the functions, or Evidently's report, which is for
people and decides nothing. GB-seconds are {memory:g} times as
many, for functions with {memory:g} GB of memory. Such a Lambda has a little more than one CPU.
"""
