"""Evaluation of identity policies, as AWS describes it.

The logic: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

type Decision = Literal["allowed", "explicitDeny", "implicitDeny"]
"""AWS's words for the three outcomes."""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource, which a call needs.

    Parameters
    ----------
    action
        With its service: ``s3:GetObject``.
    resource
        An ARN, or ``*`` for an action that knows no resources.
    context
        The condition keys of the request and their values, keys in lower case.
    """

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class UnknownConditionError(Exception):
    """A policy has a condition operator that this package does not know."""


def decide(statements: Iterable[Mapping[str, Any]], access: Access) -> Decision:
    """Return what the statements of a role's policies say about one access.

    Raises
    ------
    UnknownConditionError
        If a statement that would count has a condition that cannot be evaluated.
    """
    decision: Decision = "implicitDeny"
    for statement in statements:
        if not _applies(statement, access):
            continue
        if statement["Effect"] == "Deny":
            return "explicitDeny"
        decision = "allowed"
    return decision


def _applies(statement: Mapping[str, Any], access: Access) -> bool:
    def named(element: str, text: str, *, ignore_case: bool) -> bool:
        if f"Not{element}" in statement:
            patterns = _listed(statement[f"Not{element}"])
            return not _any_like(patterns, text, access, ignore_case=ignore_case)
        return _any_like(_listed(statement[element]), text, access, ignore_case=ignore_case)

    return (
        named("Action", access.action, ignore_case=True)
        and named("Resource", access.resource, ignore_case=False)
        and all(
            _holds(operator, key, _listed(wanted), access)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _any_like(patterns: Iterable[str], text: str, access: Access, *, ignore_case: bool) -> bool:
    if ignore_case:
        return any(is_like(each.lower(), text.lower()) for each in patterns)
    return any(is_like(each, text) for each in _filled(patterns, access))


def _filled(patterns: Iterable[str], access: Access) -> Iterator[str]:
    """Yield the patterns with their variables; one with an unknown variable matches nothing."""
    for pattern in patterns:
        names = _VARIABLE.findall(pattern)
        if all(len(access.context.get(name.lower(), ())) == 1 for name in names):
            yield _VARIABLE.sub(lambda found: access.context[found[1].lower()][0], pattern)


def is_like(pattern: str, text: str) -> bool:
    """Return whether ``text`` is like the pattern, in which ``*`` and ``?`` stand for anything."""
    return bool(_compiled(pattern).fullmatch(text))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)


def _is_like_arn(pattern: str, text: str) -> bool:
    """Compare part by part, because ``*`` in an ARN's part does not reach over a colon."""
    parts, own = pattern.split(":", 5), text.split(":", 5)
    return len(parts) == len(own) and all(map(is_like, parts, own))


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _equal_whatever_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "NumericEquals": lambda value, wanted: value == wanted,
    "NumericNotEquals": lambda value, wanted: value != wanted,
    "NumericLessThan": lambda value, wanted: value < wanted,
    "NumericLessThanEquals": lambda value, wanted: value <= wanted,
    "NumericGreaterThan": lambda value, wanted: value > wanted,
    "NumericGreaterThanEquals": lambda value, wanted: value >= wanted,
}


def _by_number(operator: str) -> Callable[[str, str], bool]:
    compare = _NUMBERS[operator]
    return lambda wanted, value: compare(float(value), float(wanted))


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_whatever_case,
    "StringLike": is_like,
    "ArnEquals": _is_like_arn,
    "ArnLike": _is_like_arn,
    "Bool": _equal_whatever_case,
    **{operator: _by_number(operator) for operator in _NUMBERS},
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _holds(operator: str, key: str, wanted: Sequence[str], access: Access) -> bool:
    values = access.context.get(key.lower(), ())
    name, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    quantifier, _, name = name.rpartition(":")
    if name == "Null":
        return _equal_whatever_case(wanted[0], str(not values))
    negated = name in _NEGATED
    test = _TESTS.get(_NEGATED.get(name, name))
    if test is None or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        raise UnknownConditionError(f"{operator} on {key}")
    if not values:
        # Without the key a negated condition holds, and so does ForAllValues.
        if quantifier:
            return if_exists or quantifier == "ForAllValues"
        return if_exists or negated
    patterns = list(_filled(wanted, access))
    matches = [any(test(each, value) for each in patterns) != negated for value in values]
    return any(matches) if quantifier == "ForAnyValue" else all(matches)


def _listed(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
