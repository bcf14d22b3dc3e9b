"""Lambda functions, packed as a zip with layers or as a container image."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.capacity import WORKER, Capacity
from cdk.constructs.building.assets import ROOT, archive
from cdk.constructs.building.function_code import build_function
from cdk.constructs.building.layers import LIBRARY, layer_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_ec2 as ec2

    from cdk.storage_stack import StorageStack


@dataclass(frozen=True, slots=True)
class Placement:
    """The place in a VPC of a function that must reach a service there."""

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection
    group: ec2.ISecurityGroup


_SMALL = Capacity()
FUNCTION_NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""The actions that the role of a function in a VPC must allow."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class EvergreenFunction(Construct):
    """The base of every function: its name, its own role and its own log group."""

    function: lambda_.Function

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        storage: StorageStack,
        folder: str,
        model: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        settings = storage.deployment.settings
        self.function_name = settings.name(folder.replace("_", "-"), *([model] if model else []))
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=self.log_group_name,
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)

    def common(self, storage: StorageStack, capacity: Capacity) -> dict[str, Any]:
        """Return the properties that zip and image functions share."""
        settings = storage.deployment.settings
        return {
            "function_name": self.function_name,
            "role": self.role,
            "log_group": self.log_group,
            "architecture": _ARCHITECTURES[settings.function_architecture],
            "memory_size": capacity.memory,
            "timeout": Duration.seconds(capacity.seconds),
            "ephemeral_storage_size": Size.mebibytes(capacity.disk),
            "tracing": lambda_.Tracing.DISABLED if settings.emulator else lambda_.Tracing.ACTIVE,
            "reserved_concurrent_executions": (
                capacity.laptop_at_once if settings.emulator else None
            ),
        }


class PythonFunction(EvergreenFunction):
    """A function packed as a zip, with a dependency layer and the library's layer.

    Parameters
    ----------
    folder
        Its folder below ``functions/``, which also names it.
    layer
        The dependency layer it runs on.
    model
        The model that it serves, if any. With the setting ``snap_start`` its published versions
        start from a snapshot on AWS, because callers wait for the answer.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        storage: StorageStack,
        *,
        folder: str,
        layer: str,
        model: str | None = None,
        capacity: Capacity = _SMALL,
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(scope, id, storage, folder, model)
        settings = storage.deployment.settings
        snapshot = model is not None and settings.snap_start and not settings.emulator
        stepwise = model is not None and settings.code_rollout != "at_once"
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=handler_of(folder),
            code=_code(folder, storage),
            layers=[shared_layer(self, name, storage) for name in (layer, LIBRARY)],
            environment=_environment(folder, storage) | {**environment},
            # The version before stays, so that a person can go back to its code too.
            current_version_options=_KEPT if stepwise else None,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snapshot else None,
            **self.common(storage, capacity),
        )


class ImageFunction(EvergreenFunction):
    """A function packed as a container image, because its dependencies do not fit a zip.

    The emulator has no containers. There the function is a zip that names its image. The executor
    runs it in the environment built from that image's lock. The handler is the same.

    Parameters
    ----------
    folder
        Its folder below ``functions/``, which also names it.
    image
        It is built from ``layers/<image>/Dockerfile``.
    model
        The model that it serves, if any.
    placement
        Its place in a VPC on AWS, if it needs one.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, and where it runs
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        storage: StorageStack,
        *,
        folder: str,
        image: str,
        model: str | None = None,
        capacity: Capacity = WORKER,
        environment: Mapping[str, str] = _NOTHING,
        placement: Placement | None = None,
    ) -> None:
        super().__init__(scope, id, storage, folder, model)
        settings = storage.deployment.settings
        stepwise = model is not None and settings.code_rollout != "at_once"
        variables = _environment(folder, storage) | _QUIET_LIBRARIES | {**environment}
        if settings.emulator:
            self.function = lambda_.Function(
                self,
                "Function",
                runtime=lambda_.Runtime.PYTHON_3_13,
                handler=handler_of(folder),
                code=_code(folder, storage),
                layers=[shared_layer(self, LIBRARY, storage)],
                environment=variables | {"EVERGREEN_IMAGE": image},
                **self.common(storage, capacity),
            )
        else:
            self.function = lambda_.DockerImageFunction(
                self,
                "Function",
                code=lambda_.DockerImageCode.from_image_asset(
                    str(ROOT),
                    file=f"layers/{image}/Dockerfile",
                    cmd=[handler_of(folder)],
                    platform=_PLATFORMS[settings.architecture],
                    build_args=settings.image_arguments,
                ),
                environment=variables,
                current_version_options=_KEPT if stepwise else None,
                **_placed(placement),
                **self.common(storage, capacity),
            )
            if placement:
                self._join_network()

    def _join_network(self) -> None:
        """Let Lambda attach the function to its subnets, and deny that to its code."""
        for effect, conditions in (
            (iam.Effect.ALLOW, None),
            (iam.Effect.DENY, {"ArnEquals": {"lambda:SourceFunctionArn": self._arn()}}),
        ):
            self.role.add_to_policy(
                iam.PolicyStatement(
                    effect=effect,
                    actions=[*FUNCTION_NETWORK_ACTIONS],
                    resources=["*"],
                    conditions=conditions,
                )
            )

    def _arn(self) -> str:
        # By name and not by reference, because the function itself waits for this policy.
        return Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=self.function_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )


def _placed(placement: Placement | None) -> dict[str, Any]:
    if placement is None:
        return {}
    return {
        "vpc": placement.vpc,
        "vpc_subnets": placement.subnets,
        "security_groups": [placement.group],
    }


def handler_of(folder: str) -> str:
    """Return the handler string of the function in ``functions/<folder>``."""
    return f"functions.{folder}.handler.handler"


def _code(folder: str, storage: StorageStack) -> lambda_.Code:
    built = build_function(folder, storage.deployment.models_folder)
    return lambda_.Code.from_asset(str(archive(built)), asset_hash=built.name)


def shared_layer(scope: Construct, name: str, storage: StorageStack) -> lambda_.ILayerVersion:
    """Return the layer ``name`` of the scope's stack, whose functions share it."""
    stack = Stack.of(scope)
    stack = stack.nested_stack_parent or stack  # nested stacks share one layer
    known = stack.node.try_find_child(f"{name.capitalize()}Layer")
    if isinstance(known, lambda_.LayerVersion):
        return known
    return layer_version(stack, name, storage.deployment.settings.function_architecture)


def _environment(folder: str, storage: StorageStack) -> dict[str, str]:
    return {
        "EVERGREEN_STAGE": storage.deployment.settings.stage,
        "EVERGREEN_VERSION": version("evergreen-mlops"),
        "EVERGREEN_BUCKET": storage.bucket.bucket_name,
        "EVERGREEN_EVENT_BUS": storage.bus.event_bus_name,
        "EVERGREEN_METRICS": storage.deployment.settings.metrics_detail,
        "POWERTOOLS_SERVICE_NAME": folder,
        # It would look for them in the metadata of every package, at each cold start.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    } | trusted_environment(storage)


def trusted_environment(storage: StorageStack) -> dict[str, str]:
    """Return the variable with the types that models may load, if there are any."""
    types = storage.deployment.settings.trusted_types
    return {"EVERGREEN_TRUSTED_TYPES": " ".join(types)} if types else {}


_KEPT = lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN)
_QUIET_LIBRARIES = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # of the variable above it takes "true" alone
    # MLflow's loggers would write plain text to stderr, past the function's own log form.
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Threads that spin while they wait slow each other down on few cores: one training on a busy
    # machine took 33 s instead of 2 s.
    "OMP_WAIT_POLICY": "PASSIVE",
}
_ARCHITECTURES = {
    "x86_64": lambda_.Architecture.X86_64,
    "arm64": lambda_.Architecture.ARM_64,
}
_PLATFORMS = {
    "x86_64": ecr_assets.Platform.LINUX_AMD64,
    "arm64": ecr_assets.Platform.LINUX_ARM64,
}
