"""Moments: what a model learns from a feature of type ``timestamp``, and how it is computed.

``opened = { type = "timestamp", derive = ["hour", "weekday"] }`` gives the model the features
``opened_hour`` and ``opened_weekday``. Training and serving compute them by the same rules, in UTC.
Everything behind the request reader and the data sets knows only the derived features.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Derivation = Literal[
    "hour", "minute_of_day", "weekday", "day", "month", "day_of_year", "year", "age_days"
]
"""What is derived, in UTC: ``weekday`` 0 is Monday; ``age_days`` is the time from the moment to
that of the row, which in serving is now, in days with fractions."""

_SECONDS_OF_A_DAY = 86_400.0
_DERIVED: dict[str, Callable[[datetime, datetime], float]] = {
    "hour": lambda moment, _: moment.hour,
    "minute_of_day": lambda moment, _: 60 * moment.hour + moment.minute,
    "weekday": lambda moment, _: moment.weekday(),
    "day": lambda moment, _: moment.day,
    "month": lambda moment, _: moment.month,
    "day_of_year": lambda moment, _: moment.timetuple().tm_yday,
    "year": lambda moment, _: moment.year,
    "age_days": lambda moment, row: (row - moment).total_seconds() / _SECONDS_OF_A_DAY,
}
_ENDS: dict[str, tuple[int, int]] = {
    "hour": (0, 23),
    "minute_of_day": (0, 1439),
    "weekday": (0, 6),
    "day": (1, 31),
    "month": (1, 12),
    "day_of_year": (1, 366),
}


def read_moment(text: str) -> datetime | None:
    """Return a moment in ISO 8601, in UTC if it names no zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def derive(derivation: str, moment: datetime, row: datetime) -> float:
    """Return what is derived from a moment, for a row of a time; both in UTC."""
    return _DERIVED[derivation](moment, row)


def derived_name(name: str, derivation: str) -> str:
    """Return the name of the feature that is derived from a moment."""
    return f"{name}_{derivation}"


def with_derived(content: Any) -> Any:  # noqa: ANN401 - whatever is to be validated
    """Return the content of ``model.toml`` with the derived features in place of each moment.

    What is not as it must be is left for the validation to name.

    Raises
    ------
    ValueError
        If a derived feature has the name of another one.
    """
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, dict):
        return content
    moments = {name: names for name, each in features.items() if (names := _asked(each))}
    if not moments:
        return content
    found: dict[str, Any] = {}
    for name, feature in features.items():
        for derivation in moments.get(name, ()):
            derived = derived_name(name, derivation)
            if derived in features:
                raise ValueError(f"feature {derived!r} is also derived from {name!r}")
            found[derived] = _derived(name, derivation, nullable=feature.get("nullable", False))
        if name not in moments:
            found[name] = feature
    changed = {**content, "features": found}
    log = content.get("request_log")
    if isinstance(log, dict) and isinstance(log.get("redact"), list | tuple):
        redact: list[Any] = []
        for name in log["redact"]:
            redact += [name, *(derived_name(name, each) for each in moments.get(name, ()))]
        changed["request_log"] = {**log, "redact": list(dict.fromkeys(redact))}
    return changed


def _asked(feature: object) -> tuple[str, ...]:
    """Return the derivations of a moment, or nothing if it is none or they are not as they must."""
    if not isinstance(feature, dict) or feature.keys() - {"type", "derive", "nullable"}:
        return ()
    names = feature.get("derive")
    if feature.get("type") != "timestamp" or not isinstance(names, list | tuple):
        return ()
    known = get_args(Derivation)
    fits = all(name in known for name in names) and len({*names}) == len(names)
    return tuple(names) if fits and isinstance(feature.get("nullable", False), bool) else ()


def _derived(name: str, derivation: str, *, nullable: bool) -> Mapping[str, Any]:
    low, high = _ENDS.get(derivation, (None, None))
    kind = "float" if derivation == "age_days" else "integer"
    about = {"type": kind, "nullable": nullable, "min": low, "max": high}
    return {**about, "derived_from": name, "derivation": derivation}
