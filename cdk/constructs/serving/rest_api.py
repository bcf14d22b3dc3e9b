"""The REST API: routes, permissions, API key and usage plan."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy, Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.setting_types import KeyPlan
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, NO_MODEL, Metric

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdk.constructs.serving.model_endpoint import ModelEndpoint
    from cdk.settings import Settings

ANY = "ANY"
_MODEL_ROUTES: tuple[tuple[str, str, str | None], ...] = (
    ("/models", "", "{proxy+}"),
    ("/v2/models", "", "{proxy+}"),
    ("/v1/models", ":predict", None),
    ("/endpoints", "", "invocations"),
)
"""Where each model answers: the base, what follows its name, and what lies below it."""
_REFUSALS = {
    "INVALID_API_KEY": (403, "the header x-api-key is missing or wrong"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "there is nothing at this path; GET /docs lists all"),
    "INVALID_SIGNATURE": (403, "the signature of the request is not valid"),
    "EXPIRED_TOKEN": (403, "the session with which the request was signed has ended"),
    "ACCESS_DENIED": (403, "who signed the request may not call this"),
    "WAF_FILTERED": (403, "a firewall before the API refused the request"),
    "RESOURCE_NOT_FOUND": (404, "there is nothing at this path; GET /docs lists all"),
    "THROTTLED": (429, "too many requests; try again later"),
    "QUOTA_EXCEEDED": (429, "the quota of the API key is used up"),
    "REQUEST_TOO_LARGE": (413, "the request is too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "the content type is not taken here"),
    "INTEGRATION_FAILURE": (503, "the function did not answer"),
    "INTEGRATION_TIMEOUT": (504, "the function did not answer in time"),
}
"""Responses of API Gateway itself: their status, and what they say."""
_UNSIGNED = "there is nothing at this path, or the request is not signed; GET /docs lists all"
"""What MISSING_AUTHENTICATION_TOKEN means where callers sign their requests."""
_HEADERS = {
    "x-content-type-options": "'nosniff'",
    "strict-transport-security": "'max-age=31536000'",
}
"""Headers of these responses; the functions send the same."""
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "protocol": "$context.protocol",
    "responseLength": "$context.responseLength",
    "refusal": "$context.error.responseType",
    MODEL_DIMENSION: NO_MODEL,
}
"""One line of the access log. ``refusal`` is "-" unless the gateway answered itself."""
_BINARY = ["application/octet-stream"]
# Smaller answers are not worth packing. With any size set, the gateway unpacks requests too.
_SMALLEST_PACKED = Size.kibibytes(16)


class RestApi(Construct):
    """A regional REST API with an API key, a usage plan and an access log.

    Routes are added with :meth:`route`; each function needs one :meth:`allow`.
    """

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Api")
        name = settings.name()
        self._signed = settings.api_authorization == "iam"
        self._open_to_pages = bool(settings.cors_origins)
        access_log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/apigateway/{name}",
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        throttle = apigateway.ThrottleSettings(
            rate_limit=settings.requests_per_second, burst_limit=settings.requests_burst
        )
        self.api = apigateway.RestApi(
            self,
            "RestApi",
            rest_api_name=name,
            description="Evergreen: predictions, ground truth, and what there is to ask",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=_BINARY,
            min_compression_size=_SMALLEST_PACKED,
            cloud_watch_role=True,
            # API Gateway has one such role for all APIs of an account and region. Deleting it with
            # one stage would silence the logs of the others.
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            deploy_options=apigateway.StageOptions(
                stage_name=settings.stage,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(_access_log(settings)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                metrics_enabled=True,
                tracing_enabled=not settings.emulator,
                throttling_rate_limit=throttle.rate_limit,
                throttling_burst_limit=throttle.burst_limit,
            ),
        )
        self._describe_refusals()
        if not settings.emulator:  # LocalStack writes no access log; our plugin counts there
            self._count_refusals(access_log)
        # Not `add_api_key`, which makes the key depend on the stage. A function behind the stage
        # compares keys, so the key must exist before the stage. The usage plan connects both.
        self.key = apigateway.ApiKey(self.api, "Key", api_key_name=name)
        plan = self.api.add_usage_plan("Plan", name=name, throttle=throttle)
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(self.key)
        for key, limits in settings.api_keys.items():
            self._add_key(key, limits, settings)
        self.ground_truth_key = (
            self._add_key("ground-truth", KeyPlan(), settings)
            if settings.ground_truth_key
            else None
        )
        self.domain = self._answer_at(settings)

    def _add_key(self, key: str, limits: KeyPlan, settings: Settings) -> apigateway.ApiKey:
        """Add a named key with a usage plan of its own."""
        made = apigateway.ApiKey(self.api, f"Key{key}", api_key_name=settings.name(key))
        plan = self.api.add_usage_plan(
            f"Plan{key}",
            name=settings.name(key),
            throttle=apigateway.ThrottleSettings(
                rate_limit=limits.requests_per_second or settings.requests_per_second,
                burst_limit=limits.requests_burst or settings.requests_burst,
            ),
            quota=_a_month(limits.requests_per_month),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(made)
        return made

    def _answer_at(self, settings: Settings) -> apigateway.DomainName | None:
        """Let the API answer at the domain of the settings, if there is one."""
        if settings.api_domain is None or settings.api_certificate_arn is None:
            return None
        certificate = acm.Certificate.from_certificate_arn(
            self, "Certificate", settings.api_certificate_arn
        )
        return apigateway.DomainName(
            self,
            "Domain",
            domain_name=settings.api_domain,
            certificate=certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
            mapping=self.api,
            base_path=settings.api_base_path,
        )

    def _describe_refusals(self) -> None:
        """Let the gateway's own refusals be problem details, as those of the functions are."""
        # What they say is nobody's, so a page of any origin may read it where some may call.
        pages = {"access-control-allow-origin": "'*'"} if self._open_to_pages else {}
        headers = _HEADERS | pages
        for kind, (status, detail) in _REFUSALS.items():
            if self._signed and kind == "MISSING_AUTHENTICATION_TOKEN":
                detail = _UNSIGNED  # noqa: PLW2901 - the same call is refused for two reasons
            title = HTTPStatus(status).phrase
            body = (
                f'{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"'
                ',"error":"DETAIL","message":"DETAIL"}'.replace("DETAIL", detail)
            )
            self.api.add_gateway_response(
                kind,
                type=getattr(apigateway.ResponseType, kind),
                status_code=str(status),
                templates={"application/json": body},
                response_headers={"content-type": "'application/problem+json'", **headers},
            )
        for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):  # all others, with their own status
            self.api.add_gateway_response(
                kind, type=apigateway.ResponseType.of(kind), response_headers=headers
            )

    def _count_refusals(self, access_log: logs.LogGroup) -> None:
        """Count the calls that the gateway refused, in total and by status, as metrics."""
        for name, dimensions in (
            ("Refusals", (MODEL_DIMENSION,)),
            ("RefusalsByStatus", (MODEL_DIMENSION, "status")),
        ):
            access_log.add_metric_filter(
                name,
                filter_pattern=logs.FilterPattern.string_value("$.refusal", "!=", "-"),
                metric_namespace=NAMESPACE,
                metric_name=Metric.GATEWAY_REFUSALS,
                metric_value="1",
                unit=cloudwatch.Unit.COUNT,
                dimensions={each: f"$.{each}" for each in dimensions},
            )

    def route(
        self,
        path: str,
        function: lambda_.IFunction,
        *,
        method: str = ANY,
        open_to_all: bool = False,
    ) -> None:
        """Route ``method`` on ``path`` to ``function``; callers need a key unless open to all."""
        resource = self.api.root if path == "/" else self.api.root.resource_for_path(path)
        allowed = {} if open_to_all else self._callers()
        resource.add_method(method, _proxy_to(function), **allowed)
        if not open_to_all:
            self._answer_preflight(resource, function)

    def _answer_preflight(
        self, resource: apigateway.IResource, function: lambda_.IFunction
    ) -> None:
        """Let browsers ask without a key whether a page may call; the function answers them."""
        if self._open_to_pages:
            resource.add_method("OPTIONS", _proxy_to(function))

    def _callers(self) -> dict[str, Any]:
        """Return the properties of a method that say who may call it."""
        if self._signed:
            return {"authorization_type": apigateway.AuthorizationType.IAM}
        return {"api_key_required": True}

    def route_model(self, endpoint: ModelEndpoint) -> None:
        """Route everything about a model to its function, in the stack that has the function."""
        stack, name = Stack.of(endpoint), endpoint.model
        for base, suffix, below in _MODEL_ROUTES:
            parent: apigateway.IResource = self.api.root.resource_for_path(base)
            if stack is not Stack.of(self):
                parent = self._imported(endpoint, base, parent)
            parts = [parent.add_resource(name + suffix)]
            if below:
                parts.append(parts[0].add_resource(below))
            for part in parts:
                part.add_method(ANY, _proxy_to(endpoint.live), **self._callers())
                self._answer_preflight(part, endpoint.live)
            path = f"{base}/{name}"
            self.allow(f"Api{path.replace('/', '-')}", endpoint.live, f"{path}*")
        if stack is not Stack.of(self) and (deployment := self.api.latest_deployment):
            # A deployment is a copy of the API: it waits for these routes, and new ones need a new
            # deployment, which a changed logical id makes.
            deployment.node.add_dependency(stack)
            deployment.add_to_logical_id(name)

    def _imported(
        self, endpoint: ModelEndpoint, base: str, parent: apigateway.IResource
    ) -> apigateway.IResource:
        """Return a resource of the API as the stack of the endpoint sees it."""
        stack = Stack.of(endpoint)
        api = stack.node.try_find_child("Api") or apigateway.RestApi.from_rest_api_attributes(
            stack,
            "Api",
            rest_api_id=self.api.rest_api_id,
            root_resource_id=self.api.rest_api_root_resource_id,
        )
        return apigateway.Resource.from_resource_attributes(
            stack,
            f"Base{base.replace('/', '-')}",
            path=base,
            resource_id=parent.resource_id,
            rest_api=api,  # type: ignore[arg-type]
        )

    def allow(self, name: str, function: lambda_.IFunction, path: str = "/*") -> None:
        """Permit the API to call ``function`` for requests below ``path``, by any method."""
        function.add_permission(
            name,
            principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
            source_arn=self.api.arn_for_execute_api(None, path),
        )


def _access_log(settings: Settings) -> str:
    """Return the form of a line, without the caller's address if that is not kept as it is."""
    hidden = set() if settings.log_source_ip == "plain" else {"ip"}
    return json.dumps({name: value for name, value in _ACCESS_LOG.items() if name not in hidden})


def _a_month(requests: int | None) -> apigateway.QuotaSettings | None:
    if requests is None:
        return None
    return apigateway.QuotaSettings(limit=requests, period=apigateway.Period.MONTH)


def _proxy_to(function: lambda_.IFunction) -> apigateway.Integration:
    # Not LambdaIntegration, which writes one permission for each method and stage.
    stack = Stack.of(function)
    uri = stack.format_arn(
        service="apigateway",
        account="lambda",
        resource="path/2015-03-31/functions",
        resource_name=f"{function.function_arn}/invocations",
    )
    return apigateway.Integration(
        type=apigateway.IntegrationType.AWS_PROXY,
        integration_http_method="POST",
        uri=uri,
    )
