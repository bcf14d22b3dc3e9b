"""The limits of AWS that a synthesised app must keep, checked before anything is deployed.

CloudFormation finds most of them only in the middle of a deployment, and LocalStack none. The size
of a function's policy is an estimate: names that AWS generates count with their usual length.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from aws_cdk.cx_api import CloudAssembly

Template = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of AWS.

    Parameters
    ----------
    what
        What is limited.
    most
        The largest number that AWS accepts.
    source
        The page that says so.
    setting
        The setting of cdk.json that says what AWS has granted, if AWS raises it on request.
    """

    what: str
    most: int
    source: str
    setting: str | None = None


_CFN = "docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
_EVENTS = "docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
RESOURCES = Limit("resources of a stack", 500, _CFN)
OUTPUTS = Limit("outputs of a stack", 200, _CFN)
PARAMETERS = Limit("parameters of a stack", 200, _CFN)
TEMPLATE_BYTES = Limit("bytes of a template", 1_000_000, _CFN)
QUEUE_STATEMENTS = Limit(
    "statements of a queue's policy",
    20,
    "docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html",
)
FUNCTION_POLICY_BYTES = Limit(
    "bytes of a function's policy",
    20_480,
    "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
)
ENVIRONMENT_BYTES = Limit(
    "bytes of a function's environment",
    4_096,
    "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
)
ROLE_POLICY_CHARACTERS = Limit(
    "characters of a role's inline policies",
    10_240,
    "docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
)
RULES = Limit("rules of an event bus", 300, _EVENTS, setting="granted_event_rules")
RULE_TARGETS = Limit("targets of a rule", 5, _EVENTS)
API_RESOURCES = Limit(
    "resources of a REST API",
    300,
    "docs.aws.amazon.com/apigateway/latest/developerguide/"
    "api-gateway-execution-service-limits-table.html",
    setting="granted_api_resources",
)
STATE_MACHINE_BYTES = Limit(
    "bytes of a state machine's definition",
    1_048_576,
    "docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html",
)
_TOKEN_LENGTH = 90
"""Characters of an ARN or a name that a reference stands for: about as many as ours have."""
_STATEMENT_FRAME = (
    '{"Sid":"","Effect":"Allow","Principal":{"Service":""},"Action":"","Resource":"",'
    '"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},'
    '"ArnLike":{"AWS:SourceArn":""}}},'
)
_SID_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit one thing of the app uses."""

    limit: Limit
    place: str
    used: int

    def __str__(self) -> str:
        limit = self.limit
        cure = (
            f"Ask AWS for more in Service Quotas, then write the new number to cdk.json as "
            f"{limit.setting}."
            if limit.setting
            else "Deploy fewer models in one app."
        )
        return (
            f"{self.place}: {self.used} {limit.what}, AWS accepts {limit.most} "
            f"({limit.source}). {cure}"
        )


def check_quotas(
    assembly: CloudAssembly, granted: Mapping[str, int], models: Collection[str]
) -> None:
    """Check that a synthesised app keeps every limit.

    Parameters
    ----------
    granted
        What AWS has granted to the account, by the name of the setting.
    models
        The names of its models.

    Raises
    ------
    EvergreenError
        If it does not; the message names each limit, the use, and what to do.
    """
    folder = Path(assembly.directory)
    templates = {
        file.name.split(".")[0]: json.loads(file.read_bytes())
        for file in sorted(folder.glob("*.template.json"))
    }
    over = [
        usage
        for usage in used_quotas(templates)
        if usage.used > granted.get(usage.limit.setting or "", usage.limit.most)
    ]
    if over:
        lines = [*(f"- {usage}" for usage in over), *_fewer_models(templates, over, models)]
        listed = "\n".join(lines)
        raise EvergreenError(f"the app is beyond limits of AWS:\n{listed}", where="models")


def _fewer_models(
    templates: Mapping[str, Template], over: Iterable[Usage], models: Collection[str]
) -> Iterator[str]:
    """Say how many models fit into a stage, if a stack has too many resources of models."""
    fit = [
        models_that_fit(templates[usage.place], models)
        for usage in over
        if usage.limit is RESOURCES
    ]
    if fit:
        yield (
            f"Of {len(models)} models about {min(fit)} fit into one stage of an emulator, whose "
            "stacks hold the resources of all models. Move the folders of the others into a second "
            "clone of the repository, and deploy that with another `stage`. On AWS each model has "
            "nested stacks of its own, so a hundred models fit."
        )


def models_that_fit(template: Template, models: Collection[str]) -> int:
    """Return with how many models like these a stack keeps the limit of its resources.

    Parameters
    ----------
    template
        Of the stack, with all of the models. The resources of a model have its name in theirs.
    models
        The names of the models, at least one.
    """
    names = ["".join(filter(str.isalnum, model)).lower() for model in models]
    resources = template.get("Resources", {})
    of_models = sum(any(name in resource.lower() for name in names) for resource in resources)
    others = len(resources) - of_models
    return int((RESOURCES.most - others) * len(names) // max(of_models, 1))


def used_quotas(templates: Mapping[str, Template]) -> list[Usage]:
    """Return the use of every limit by every thing of an app.

    Parameters
    ----------
    templates
        CloudFormation templates by the name of their stack, those of nested stacks too.
    """
    usages = [usage for name, template in templates.items() for usage in _of_stack(name, template)]
    rules = Counter(
        _text(rule.get("EventBusName", "default"))
        for template in templates.values()
        for _, rule in _resources(template, "AWS::Events::Rule")
    )
    usages += [Usage(RULES, f"event bus {bus}", number) for bus, number in rules.items()]
    # An app has one API, and the root is not among its resources, but counts.
    paths = sum(
        1
        for template in templates.values()
        for _ in _resources(template, "AWS::ApiGateway::Resource")
    )
    return [*usages, Usage(API_RESOURCES, "the REST API", paths + 1)]


def _of_stack(stack: str, template: Template) -> Iterator[Usage]:
    yield Usage(RESOURCES, stack, len(template.get("Resources", {})))
    yield Usage(OUTPUTS, stack, len(template.get("Outputs", {})))
    yield Usage(PARAMETERS, stack, len(template.get("Parameters", {})))
    yield Usage(TEMPLATE_BYTES, stack, len(json.dumps(template, separators=(",", ":"))))
    for name, policy in _resources(template, "AWS::SQS::QueuePolicy"):
        number = len(policy["PolicyDocument"]["Statement"])
        yield Usage(QUEUE_STATEMENTS, f"{stack}/{name}", number)
    yield from _of_functions(stack, template)
    yield from _of_roles(stack, template)
    for name, rule in _resources(template, "AWS::Events::Rule"):
        yield Usage(RULE_TARGETS, f"{stack}/{name}", len(rule.get("Targets", [])))
    for name, machine in _resources(template, "AWS::StepFunctions::StateMachine"):
        size = len(_text(machine.get("DefinitionString", "")))
        yield Usage(STATE_MACHINE_BYTES, f"{stack}/{name}", size)


def _of_functions(stack: str, template: Template) -> Iterator[Usage]:
    policies: dict[str, int] = defaultdict(int)
    for _, permission in _resources(template, "AWS::Lambda::Permission"):
        function = _text(permission["FunctionName"])
        parts = (permission["Principal"], permission["Action"], permission.get("SourceArn", ""))
        size = len(_STATEMENT_FRAME) + _SID_LENGTH + _TOKEN_LENGTH + sum(map(_length, parts))
        policies[function] += size
    for function, size in policies.items():
        yield Usage(FUNCTION_POLICY_BYTES, f"{stack}/{function}", size)
    for name, properties in _resources(template, "AWS::Lambda::Function"):
        variables = properties.get("Environment", {}).get("Variables", {})
        size = sum(len(key) + _length(value) for key, value in variables.items())
        yield Usage(ENVIRONMENT_BYTES, f"{stack}/{name}", size)


def _of_roles(stack: str, template: Template) -> Iterator[Usage]:
    sizes: dict[str, int] = defaultdict(int)
    for _, policy in _resources(template, "AWS::IAM::Policy"):
        for role in policy.get("Roles", []):
            sizes[_text(role)] += _length(policy["PolicyDocument"])
    for role, size in sizes.items():
        yield Usage(ROLE_POLICY_CHARACTERS, f"{stack}/{role}", size)


def _resources(template: Template, kind: str) -> Iterator[tuple[str, Template]]:
    for name, item in template.get("Resources", {}).items():
        if item["Type"] == kind:
            yield name, item.get("Properties", {})


def _text(value: Any) -> str:  # noqa: ANN401 - any value of a template
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


_REFERENCE = re.compile(r'\{"(?:Ref|Fn::GetAtt|Fn::ImportValue)":(?:"[^"]*"|\[[^\]]*\])\}')
_JOIN = re.compile(r'\{"Fn::Join":\["",\[|\]\]\}')


def _length(value: Any) -> int:  # noqa: ANN401 - any value of a template
    """Return the characters of a value once its references are resolved."""
    text = _REFERENCE.sub("x" * _TOKEN_LENGTH, _text(value))
    return len(_JOIN.sub("", text))
