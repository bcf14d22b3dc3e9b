"""Helpers to read CloudFormation templates."""

from __future__ import annotations

from typing import Any


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of one type, by logical id."""
    found = template["Resources"].items()
    return {name: item.get("Properties", {}) for name, item in found if item["Type"] == kind}


def listed(value: Any) -> list[Any]:
    """Return a value as a list; CloudFormation writes one value or a list."""
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """Return a string with intrinsic functions as one readable string."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(flat, parts))
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return f"<{name}>"
    return str(value)


def statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Return every policy statement of the roles whose logical id begins with ``role``."""
    return [
        statement
        for policy in resources(template, "AWS::IAM::Policy").values()
        if any(item["Ref"].startswith(role) for item in policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
