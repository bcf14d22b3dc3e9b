"""A Firehose stream that writes JSON Lines below one prefix of the data bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs import access

if TYPE_CHECKING:
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import RequestLog

# An assumption: the size of one record with about twenty features.
_MEAN_RECORD_BYTES = 1024
_LARGEST_HINT = 128
_KEY_OF = firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty
Destination = firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty


def size_hint(flush_records: int) -> int:
    """Return the buffer size in MiB (1 to 128) that holds about ``flush_records`` records."""
    mebibytes = -(-flush_records * _MEAN_RECORD_BYTES // 1024**2)
    return max(1, min(_LARGEST_HINT, mebibytes))


class DeliveryStream(Construct):
    """A Firehose stream that takes records by direct put and writes them unchanged.

    Firehose itself adds the suffix ``YYYY/MM/DD/HH/`` to a plain prefix. AWS and the emulator share
    only this form.

    Parameters
    ----------
    name
        Name of the stream.
    table
        First folder of its keys: ``request-log`` or ``labels``.
    model
        The model whose records it carries.
    buffering
        The number of records, or of seconds, collected into one object.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        storage: StorageStack,
        *,
        name: str,
        table: str,
        model: str,
        buffering: RequestLog,
    ) -> None:
        super().__init__(scope, id)
        prefix, failed = f"{table}/raw/model={model}/", f"{table}/errors/model={model}/"
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/kinesisfirehose/{name}",
            retention=storage.deployment.settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        log_stream = logs.LogStream(
            self, "LogStream", log_group=log_group, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"))
        access.grant_write(role, storage, prefix, failed)
        log_group.grant_write(role)
        replaced = storage.deployment.settings.flush_seconds
        stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=name,
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=_KEY_OF(key_type="AWS_OWNED_CMK"),
            extended_s3_destination_configuration=Destination(
                bucket_arn=storage.bucket.bucket_arn,
                role_arn=role.role_arn,
                prefix=prefix,
                error_output_prefix=failed,
                compression_format="UNCOMPRESSED",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=buffering.flush_seconds if replaced is None else replaced,
                    size_in_m_bs=size_hint(buffering.flush_records),
                ),
                cloud_watch_logging_options=(
                    firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                        enabled=True,
                        log_group_name=log_group.log_group_name,
                        log_stream_name=log_stream.log_stream_name,
                    )
                ),
            ),
        )
        stream.node.add_dependency(role)
        self.name = name
        self.arn = stream.attr_arn

    def grant_put(self, role: iam.Role) -> None:
        """Let ``role`` put records, singly or in batches."""
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["firehose:PutRecord", "firehose:PutRecordBatch"], resources=[self.arn]
            )
        )
