"""Training as a SageMaker job: the image and code of the function, without Lambda's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.constructs import access
from cdk.constructs.building.assets import ROOT
from cdk.constructs.building.functions import trusted_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdk.constructs.building.functions import Placement
    from cdk.constructs.retraining.tracking_access import TrackingAccess
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import ModelDefinition

JOB_NETWORK_ACTIONS = (
    *("ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission"),
    *("ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission"),
    *("ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
)
"""The actions that the role of a training job in a VPC must allow
(docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html)."""
_MARGIN = 900
"""Seconds that the state waits in addition to the job's limit, because a start takes minutes."""
_DISK_GB = 50
_TASK_ROOT = "/var/task"
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def asks_for_sagemaker(definition: ModelDefinition) -> bool:
    """Return whether a model is trained by SageMaker, on a deployment that has it."""
    return definition.retraining.compute == "sagemaker"


class TrainingJob(Construct):
    """The image, the role and the state of the training jobs, for all models that use them.

    Parameters
    ----------
    storage
        The stack with the data sets.
    tracking
        The registry, for the runs.
    models
        The models that are trained by such a job, at least one.
    """

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        tracking: TrackingAccess,
        models: Iterable[ModelDefinition],
    ) -> None:
        super().__init__(scope, "TrainingJob")
        self._storage = storage
        limits = [model.retraining.time_limit.total_seconds() for model in models]
        self._longest = int(max(limits)) + _MARGIN
        self.image = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(ROOT),
            file="layers/training/Dockerfile",
            platform=ecr_assets.Platform.LINUX_AMD64,  # as most training instances
            build_args=storage.deployment.settings.image_arguments,
        )
        self.role = self._role()
        settings = storage.deployment.settings
        self._environment = {
            "EVERGREEN_BUCKET": storage.bucket.bucket_name,
            "LAMBDA_TASK_ROOT": _TASK_ROOT,
            "PYTHONPATH": _TASK_ROOT,
            # SageMaker sets only AWS_REGION, which boto3 does not read.
            "AWS_REGION": settings.region,
            "AWS_DEFAULT_REGION": settings.region,
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_CONFIGURE_LOGGING": "false",  # see the functions' environment
        }
        self._environment |= tracking.client_environment() | trusted_environment(storage)
        tracking.let_in(self.role)
        self._network = self._join(tracking.placement) if tracking.placement else {}

    def _join(self, placement: Placement) -> dict[str, Any]:
        """Return the network settings of a job in a VPC, and let SageMaker attach it there."""
        self.role.add_to_policy(
            iam.PolicyStatement(actions=[*JOB_NETWORK_ACTIONS], resources=["*"])
        )
        subnets = placement.vpc.select_subnets(subnets=placement.subnets.subnets)
        return {
            "VpcConfig": {
                "Subnets": subnets.subnet_ids,
                "SecurityGroupIds": [placement.group.security_group_id],
            }
        }

    def state(self, name: str) -> sfn.CustomState:
        """Return the state that starts a training job and waits for its end."""
        parameters = {
            "TrainingJobName.$": "States.Format('evergreen-{}', States.UUID())",
            "RoleArn": self.role.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self.image.image_uri,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python", "-m", "functions.train.container"],
            },
            "HyperParameters": {"model.$": "$.model", "dataset_id.$": "$.dataset_id"},
            "OutputDataConfig": {
                "S3OutputPath": self._storage.bucket.s3_url_for_object("training-jobs/"),
                "KmsKeyId": self._storage.key.key_arn,
            },
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType.$": "$.training_job.instance_type",
                "VolumeSizeInGB": _DISK_GB,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds.$": "$.training_job.max_seconds"},
            "Environment": self._environment,
            **self._network,
        }
        return sfn.CustomState(
            Stack.of(self),
            name,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:createTrainingJob.sync",
                "Parameters": parameters,
                # A job returns no values of ours, so the run is found by its data set.
                "ResultSelector": {
                    "name.$": "$.TrainingJobName",
                    "seconds.$": "$.TrainingTimeInSeconds",
                },
                "ResultPath": "$.training_job.result",
                "TimeoutSeconds": self._longest,
                "Retry": [
                    {
                        "ErrorEquals": ["SageMaker.AmazonSageMakerException"],
                        "IntervalSeconds": 60,
                        "MaxAttempts": 3,
                        "BackoffRate": 2,
                    }
                ],
            },
        )

    def let_start(self, machine: sfn.StateMachine) -> None:
        """Let the state machine start, watch and stop training jobs under this job's role."""
        stack = Stack.of(self)
        jobs = stack.format_arn(
            service="sagemaker", resource="training-job", resource_name="evergreen-*"
        )
        # Through this rule Step Functions learns that a job has ended.
        rule = stack.format_arn(
            service="events",
            resource="rule",
            resource_name="StepFunctionsGetEventsForSageMakerTrainingJobsRule",
        )
        to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        for actions, resource, conditions in (
            # AddTags too: Step Functions tags each job that it starts.
            (
                [
                    *("AddTags", "CreateTrainingJob"),
                    *("DescribeTrainingJob", "StopTrainingJob"),
                ],
                jobs,
                None,
            ),
            (["PutTargets", "PutRule", "DescribeRule"], rule, None),
            (["PassRole"], self.role.role_arn, to_sagemaker),
        ):
            service = {jobs: "sagemaker", rule: "events"}.get(resource, "iam")
            machine.add_to_role_policy(
                iam.PolicyStatement(
                    actions=[f"{service}:{action}" for action in actions],
                    resources=[resource],
                    conditions=conditions,
                )
            )

    def _role(self) -> iam.Role:
        stack = Stack.of(self)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        access.grant_read(role, self._storage, "datasets/")
        access.grant_write(role, self._storage, "training-jobs/")
        self.image.repository.grant_pull(role)
        logs = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{_LOG_GROUP}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        actions = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
        role.add_to_policy(
            iam.PolicyStatement(actions=[f"logs:{name}" for name in actions], resources=[logs])
        )
        return role
