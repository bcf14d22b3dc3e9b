"""Policies say what AWS's documentation says they say."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen_strict_localstack.iam.policy import Access, UnknownConditionError, decide, is_like

BUCKET = "arn:aws:s3:::data"


def allow(
    action: object = "s3:GetObject", resource: object = f"{BUCKET}/*", **more: object
) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def read(resource: str = f"{BUCKET}/a/b", **context: str) -> Access:
    keys = {name.replace("__", ":"): (value,) for name, value in context.items()}
    return Access("s3:GetObject", resource, keys)


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        ([], "implicitDeny"),
        ([allow()], "allowed"),
        ([allow("s3:getobject")], "allowed"),
        ([allow("s3:*")], "allowed"),
        ([allow("*", "*")], "allowed"),
        ([allow(["s3:PutObject", "s3:Get*"], [BUCKET, f"{BUCKET}/a/?"])], "allowed"),
        ([allow("s3:PutObject")], "implicitDeny"),
        ([allow(resource=BUCKET)], "implicitDeny"),
        ([allow(resource=f"{BUCKET}/A/*")], "implicitDeny"),
        ([allow(), {**allow("s3:*", "*"), "Effect": "Deny"}], "explicitDeny"),
        ([{**allow("s3:*", "*"), "Effect": "Deny"}, allow()], "explicitDeny"),
        ([{"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}], "implicitDeny"),
        ([{"Effect": "Allow", "Action": "s3:*", "NotResource": f"{BUCKET}/*"}], "implicitDeny"),
    ],
)
def test_actions_resources_and_effects(statements: list[dict[str, Any]], wanted: str) -> None:
    assert decide(statements, read()) == wanted


@pytest.mark.parametrize(
    ("operator", "wanted", "values", "holds"),
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", "a", ["A"], False),
        ("StringEquals", "a", [], False),
        ("StringEqualsIfExists", "a", [], True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("StringEqualsIgnoreCase", "a", ["A"], True),
        ("StringNotEquals", "a", ["b"], True),
        ("StringNotEquals", ["a", "b"], ["b"], False),
        ("StringNotEquals", "a", [], True),
        ("StringLike", "raw/*", ["raw/x"], True),
        ("StringLike", "raw/*", ["other"], False),
        ("StringLike", "raw/*", [], False),
        ("StringNotLike", "raw/*", ["other"], True),
        ("ArnLike", "arn:aws:iam::*:role/x-*", ["arn:aws:iam::1:role/x-y"], True),
        ("ArnLike", "arn:aws:*", ["arn:aws:iam::1:role/x"], False),
        ("ArnEquals", "arn:aws:iam::1:role/x", ["arn:aws:iam::1:role/x"], True),
        ("ArnNotLike", "arn:aws:iam::1:role/*", ["arn:aws:iam::2:role/x"], True),
        ("Bool", True, ["true"], True),
        ("Bool", "false", ["true"], False),
        ("Null", True, [], True),
        ("Null", "false", ["x"], True),
        ("Null", "true", ["x"], False),
        ("NumericLessThanEquals", 10, ["10"], True),
        ("NumericLessThan", "10", ["10"], False),
        ("NumericGreaterThan", "9", ["10"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], True),
        ("ForAnyValue:StringEquals", ["a"], ["c", "a"], True),
        ("ForAnyValue:StringEquals", ["a"], [], False),
        ("ForAnyValue:StringNotEquals", ["a"], [], False),
    ],
)
def test_conditions(operator: str, wanted: object, values: list[str], *, holds: bool) -> None:
    access = Access("s3:GetObject", f"{BUCKET}/x", {"the:key": tuple(values)} if values else {})
    statement = allow(Condition={operator: {"The:Key": wanted}})
    assert decide([statement], access) == ("allowed" if holds else "implicitDeny")


def test_all_conditions_must_hold() -> None:
    statement = allow(Condition={"StringEquals": {"a:a": "1", "a:b": "2"}, "Bool": {"a:c": True}})
    assert decide([statement], read(a__a="1", a__b="2", a__c="true")) == "allowed"
    assert decide([statement], read(a__a="1", a__b="3", a__c="true")) == "implicitDeny"
    assert decide([statement], read(a__a="1", a__b="2", a__c="false")) == "implicitDeny"


def test_variables_are_those_of_the_request() -> None:
    statement = allow(resource=f"{BUCKET}/${{aws:PrincipalAccount}}/*")
    assert decide([statement], read(f"{BUCKET}/12/x", aws__principalaccount="12")) == "allowed"
    assert decide([statement], read(f"{BUCKET}/13/x", aws__principalaccount="12")) == "implicitDeny"
    assert decide([statement], read(f"{BUCKET}/12/x")) == "implicitDeny"


def test_what_is_unknown_is_never_guessed() -> None:
    for operator in ("IpAddress", "ForSomeValues:StringEquals"):
        with pytest.raises(UnknownConditionError, match=operator):
            decide([allow(Condition={operator: {"a:a": "x"}})], read(a__a="x"))


def test_only_the_two_signs_are_special() -> None:
    assert is_like("a.[b]*", "a.[b]\n/c")
    assert not is_like("a.c", "abc")
    assert not is_like("a?", "a")
