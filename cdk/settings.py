"""The settings of a deployment, read from the CDK context."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aws_cdk import aws_logs as logs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cdk.architecture import Architecture, machine_architecture
from cdk.setting_types import (
    BasePath,
    CertificateArn,
    Cidr,
    Domain,
    Email,
    ImageDate,
    Kept,
    KeyName,
    KeyPlan,
    Listed,
    Origin,
    Parsed,
    PeriodText,
    RoleArn,
    SecretArn,
    SubnetId,
    Tracking,
    TrackingArn,
    TypeName,
    Unset,
    VpcId,
)
from evergreen.errors import EvergreenError
from evergreen.model_definition import Name, Period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_PRODUCTION = {"prod", "production", "live"}
_GROUND_TRUTH = "ground-truth"
_LONGEST_NAME = 64  # of a Lambda function and of a Firehose stream


_ELSEWHERE = {
    "mlflow_tracking_uri": 'write the address in `tracking`; empty was `"tracking": "fargate"`',
    "alert_webhook": (
        "the address is a secret and must not be in a file or a template; deploy, then set it with "
        "`evergreen alerts --webhook ADDRESS`"
    ),
}
"""Keys that are set elsewhere or are called otherwise, with what to write."""


class Settings(BaseModel):
    """The settings that `cdk.json` or `-c key=value` may change, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,9}$")] = "dev"
    """Name of the deployment; part of the name of every resource. In ``prod``, ``production`` and
    ``live``, what the services keep is protected against deletion and the failure of a zone."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"
    """AWS region that is deployed to."""
    owner: Annotated[Annotated[str, Field(pattern=r"^[\w .:/=+@-]{1,128}$")] | None, Unset] = None
    """Who is asked about the deployment, for example a team: the tag ``owner`` of all resources.
    Others are ``project``, ``stage`` and, on what one model has for itself, ``model``."""
    architecture: Architecture = "x86_64"
    """Processor of functions and containers. LocalStack takes the one of its own machine."""
    log_retention_days: Literal[1, 7, 14, 30, 90, 180, 365] = 30
    """Days for which CloudWatch keeps the logs."""
    raw_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which the raw objects of the request log and of the labels are kept; the compacted
    tables stay."""
    alert_email: Annotated[Email | None, Unset] = None
    """Address that alerts are sent to. Its owner has to confirm the subscription once. Empty: no
    e-mail."""
    requests_per_second: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Requests a second that the API takes on average; beyond them it answers 429."""
    requests_burst: Annotated[int, Field(ge=1, le=5_000)] = 200
    """Requests that the API takes at once before it answers 429."""
    api_keys: Annotated[dict[KeyName, KeyPlan], Parsed] = {}
    """Further API keys, by name, each with a usage plan of its own: for example
    ``{"partner": {"requests_per_second": 5, "requests_per_month": 100000}}``. A limit that is not
    given is that of the API. ``/metrics`` takes only the deployment's first key."""
    api_authorization: Literal["key", "iam"] = "key"
    """Who may call the API: ``key``, whoever has an API key; ``iam``, the AWS identities whose
    policy allows ``execute-api:Invoke``, with signed requests (Signature Version 4)."""
    api_domain: Annotated[Domain | None, Unset] = None
    """Domain name of yours at which the API answers too. Needs ``api_certificate_arn``. The output
    ``ApiDomainTarget`` is what its DNS record must point to."""
    api_certificate_arn: Annotated[CertificateArn | None, Unset] = None
    """ARN of the certificate of that domain, in the region of the deployment."""
    api_base_path: Annotated[BasePath | None, Unset] = None
    """Path below that domain at which the API begins, such as ``ml``. Empty: at its root."""
    ground_truth_key: bool = False
    """Whether ground truth has an API key of its own, ``evergreen-<stage>-ground-truth``. Then only
    that key may send it, and that key makes no predictions. Not with ``api_authorization`` set to
    ``iam``, where the policies of the callers say that."""
    cors_origins: Annotated[tuple[Origin, ...], Listed] = ()
    """Origins whose pages may call the API from a browser (CORS), such as
    ``https://app.example.com``, separated by spaces or commas; ``*`` is every one. Empty: none. A
    page that calls with a key shows that key to whoever opens it."""
    log_source_ip: Kept = "plain"
    """What is kept of a caller's address: ``plain``; ``hashed``, with a secret of the deployment,
    so that callers can be told apart and not be found; ``off``. Without ``plain`` it is in neither
    the request log nor the access log, and no metric names its network."""
    log_user_agent: Kept = "plain"
    """What the request log keeps of a caller's user agent; as ``log_source_ip``."""
    trusted_types: Annotated[tuple[TypeName, ...], Listed] = ()
    """Classes and functions that models with ``serving = "sklearn"`` may load beyond those of the
    library's own list, separated by spaces or commas: those of a ``training.py``, such as
    ``evergreen_model_fruit.Ratio``, or of a package. Their code runs where predictions are made;
    training names what is missing."""
    sklearn_models: Annotated[tuple[Name, ...], Listed] = ()
    """Models whose function keeps scikit-learn although their ``serving`` is ``onnx``, because a
    version in production, in the shadow or before that one needs it, separated by spaces or commas.
    `evergreen deploy` adds those that it finds; with cdk alone name them until a version for ONNX
    serves."""
    rollout: Literal["auto", "at_once", "canary", "linear"] = "auto"
    """How new code of a model's function takes over: ``canary`` answers a tenth of the requests for
    five minutes, ``linear`` a tenth more each minute; both go back if an alarm of the model begins.
    ``auto`` is ``canary`` in ``prod``, ``production`` and ``live``, otherwise ``at_once``."""
    tracking: Tracking = "none"
    """Where runs and versions are: ``none`` is the data bucket, with no server; ``sagemaker`` the
    managed MLflow of ``tracking_server_arn``; ``fargate`` an MLflow server that is deployed with
    the app and always on; ``https://…`` the address of an MLflow server that exists."""
    tracking_server_arn: Annotated[TrackingArn | None, Unset] = None
    """ARN of an MLflow tracking server or app of SageMaker; needed with ``tracking`` set to
    ``sagemaker``, and only there."""
    tracking_secret_arn: Annotated[SecretArn | None, Unset] = None
    """ARN of the secret with ``username`` and ``password``, as JSON, for the server at an address.
    Empty: it takes calls without sign-in."""
    tracking_size: Literal["small", "large"] = "small"
    """Size of the MLflow server on Fargate and its database: ``small`` is one task with half a
    virtual CPU on a ``t4g.micro``, ``large`` two tasks with two each on an ``m7g.large``."""
    monitoring: Literal["lean", "full"] = "lean"
    """``lean``: the alarms that say that something failed, and those that take a promotion back.
    ``full``: also those for slow answers, throttling and silence, a CloudWatch dashboard, and the
    metrics by origin of the caller and by feature, whose number and cost grow with both."""
    status_requests: Literal["auto", "on", "off"] = "auto"
    """Whether the status page shows the newest rows of the request log to whoever may open it, with
    features, answer, confidence and label: ``on``, ``off``, or ``auto``, which is ``on`` unless
    there are further keys (``api_keys``, ``ground_truth_key``), whose holders could read the rows
    of others. Features that a model redacts are not in the log."""
    snap_start: bool = False
    """Whether each model's function starts from a snapshot, which Lambda bills by the second even
    without a request. ``evergreen cost`` says how much."""
    grafana: Literal["fargate", "existing", "off"] = "off"
    """Grafana: ``fargate`` brings one, ``existing`` lets yours read the metrics, ``off`` does
    neither."""
    grafana_role_arn: Annotated[RoleArn | None, Unset] = None
    """ARN of the role of your Grafana, which may then read our metrics. Needed with ``grafana``
    set to ``existing``, and only there."""
    vpc_egress: Literal["nat", "endpoints"] = "nat"
    """How the services reach AWS from the VPC: through a NAT gateway, or through VPC endpoints,
    which cost more and leave no way to the internet."""
    vpc_id: Annotated[VpcId | None, Unset] = None
    """Id of a VPC that exists, whose subnets reach AWS and S3 by themselves. Empty: one is made.
    Needs ``vpc_subnet_ids``."""
    vpc_subnet_ids: Annotated[tuple[SubnetId, ...], Listed] = ()
    """Ids of at least two subnets of that VPC, in different zones, separated by spaces or
    commas."""
    services_certificate_arn: Annotated[CertificateArn | None, Unset] = None
    """ARN of the certificate for MLflow and Grafana. Needs ``services_domain``; without both they
    speak HTTP inside the VPC."""
    services_domain: Annotated[Domain | None, Unset] = None
    """Domain name on that certificate."""
    services_allowed_cidrs: Annotated[tuple[Cidr, ...], Listed] = ()
    """Address ranges (CIDR) from which people reach MLflow and Grafana, a VPN for example,
    separated by spaces or commas. Empty: nobody does."""
    compaction_period: Period = timedelta(hours=1)
    """Time between two compactions of the request log, in whole minutes."""
    table_upkeep: Literal["glue", "function"] = "glue"
    """What rewrites small files of the tables and removes old snapshots and files: ``glue`` is the
    table optimizers of AWS Glue, billed by use, which the compaction switches on for each table;
    ``function`` is the compaction function, as on an emulator without Glue. After a change to
    ``function`` delete the optimizers with ``aws glue delete-table-optimizer``."""
    lake_catalog: str = "glue"
    """Catalogue of the tables. Only an emulator may have another than ``glue``: the SQLAlchemy URI
    of a database. ``evergreen deploy`` sets it."""
    engine: Literal["small", "athena"] = "small"
    """What reads the log for data sets and drift checks: ``small`` is a function that holds the
    rows in its memory, ``athena`` a query. docs/engines.md says at which sizes to switch."""
    athena_scan_limit_gb: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Gigabytes that one query of Athena may read before it is stopped; only with ``engine =
    "athena"``."""
    drift_period: Annotated[Period | None, Unset] = None
    """Replaces ``every`` of each ``[drift]`` schedule, so that a demonstration need not wait; in
    whole minutes. Empty: each model's own."""
    cooldown: Annotated[PeriodText | None, Unset] = None
    """Replaces ``[retraining] cooldown`` of every model and switches its budget (``refill``) off.
    Empty: each model's own."""
    flush_seconds: Annotated[Annotated[int, Field(ge=0, le=900)] | None, Unset] = None
    """Replaces `[request_log] flush_seconds` of every model, so that a demonstration need not wait.
    ``evergreen deploy`` sets it to 1 on a laptop. Empty: each model's own."""
    no_traffic_after: Annotated[Period | None, Unset] = timedelta(hours=1)
    """Time without a request to a model after which an alarm begins, in whole minutes. Empty: no
    such alarm."""
    image_date: Annotated[ImageDate | None, Unset] = None
    """Day of the last rebuild of the images, as ``2026-11-28``. A new value builds them again, with
    the patches that their base images have got. Empty: only changed files build them again."""
    granted_api_resources: Annotated[int, Field(ge=300)] = 300
    """Resources (paths) that a REST API may have in your account: AWS's quota ``Resources/Routes
    per REST/WebSocket API``. Each model needs four. AWS raises it on request."""
    granted_event_rules: Annotated[int, Field(ge=300)] = 300
    """Rules that an event bus may have in your account: AWS's quota ``Number of rules``. Each
    schedule of a model needs one. AWS raises it on request."""
    emulator: bool = False
    """Whether the deployment is for LocalStack: leaves out what it cannot run. The app sets it
    where ``AWS_ENDPOINT_URL`` is no address of AWS, and so does ``evergreen deploy``."""

    @model_validator(mode="after")
    def _belong_together(self) -> Settings:
        if self.lake_catalog != "glue" and not self.emulator:
            raise ValueError('lake_catalog: AWS has Glue, so leave it at "glue"')
        if (self.services_certificate_arn is None) != (self.services_domain is None):
            raise ValueError("services_certificate_arn and services_domain need each other")
        if (self.tracking == "sagemaker") != (self.tracking_server_arn is not None):
            raise ValueError('tracking_server_arn and tracking = "sagemaker" need each other')
        if self.tracking_secret_arn and not self.tracking_uri:
            raise ValueError("tracking_secret_arn: it is for tracking at an address (https://…)")
        if (self.grafana == "existing") != (self.grafana_role_arn is not None):
            raise ValueError('grafana_role_arn and grafana = "existing" need each other')
        if bool(self.vpc_id) != bool(self.vpc_subnet_ids):
            raise ValueError("vpc_id and vpc_subnet_ids need each other")
        if len(self.vpc_subnet_ids) == 1:
            raise ValueError("vpc_subnet_ids: give at least two, in different zones")
        return self

    @model_validator(mode="after")
    def _api_fits(self) -> Settings:
        if (self.api_domain is None) != (self.api_certificate_arn is None):
            raise ValueError("api_domain and api_certificate_arn need each other")
        if self.api_base_path and not self.api_domain:
            raise ValueError("api_base_path: it is below a domain, so it needs api_domain")
        if self.ground_truth_key and self.api_authorization == "iam":
            raise ValueError("ground_truth_key: with signed requests the callers' policies say it")
        if self.ground_truth_key and _GROUND_TRUTH in self.api_keys:
            raise ValueError(f"api_keys.{_GROUND_TRUTH}: ground_truth_key makes a key of that name")
        if self.api_authorization == "iam" and self.emulator:
            raise ValueError('api_authorization = "iam" needs AWS; an emulator checks no signature')
        return self

    @property
    def tracking_uri(self) -> str | None:
        """The address of an MLflow server that exists."""
        return self.tracking if self.tracking.startswith("http") else None

    @property
    def lake_database(self) -> str:
        """The name under which the catalogue has the stage's tables: on AWS, a Glue database."""
        return f"evergreen_{self.stage}"

    @property
    def image_arguments(self) -> dict[str, str]:
        """The build arguments of every image; they are part of what decides about a rebuild."""
        return {"IMAGE_DATE": self.image_date} if self.image_date else {}

    @property
    def tags(self) -> dict[str, str]:
        """The tags of all resources, by which costs can be told apart."""
        owner = {"owner": self.owner} if self.owner else {}
        return {"project": "evergreen", "stage": self.stage, **owner}

    @property
    def everything_watched(self) -> bool:
        """Whether all alarms and the dashboard are made; on an emulator they cost nothing."""
        return self.monitoring == "full" or self.emulator

    @property
    def metrics_detail(self) -> Literal["lean", "full"]:
        """Whether metrics are also told apart by what grows with callers and features."""
        return "full" if self.everything_watched else "lean"

    @property
    def answering_environment(self) -> dict[str, str]:
        """The variables of the functions that answer the API and log no rows."""
        variables = {}
        if self.cors_origins:
            variables["EVERGREEN_CORS_ORIGINS"] = " ".join(self.cors_origins)
        if self.log_source_ip != "plain":
            variables["EVERGREEN_LOG_SOURCE_IP"] = "off"
        return variables

    @property
    def requests_shown(self) -> bool:
        """Whether the status page may show rows of the request log."""
        if self.status_requests == "auto":
            return not self.api_keys and not self.ground_truth_key
        return self.status_requests == "on"

    @property
    def hashes_callers(self) -> bool:
        """Whether something about callers is hashed, which needs the secret."""
        return "hashed" in {self.log_source_ip, self.log_user_agent}

    @property
    def granted_quotas(self) -> dict[str, int]:
        """What AWS has granted to the account, by the name of the setting."""
        return {
            name: getattr(self, name) for name in ("granted_api_resources", "granted_event_rules")
        }

    @property
    def code_rollout(self) -> Literal["at_once", "canary", "linear"]:
        """How new code takes over; an emulator has no CodeDeploy."""
        if self.emulator:
            return "at_once"
        if self.rollout == "auto":
            return "canary" if self.production else "at_once"
        return self.rollout

    @property
    def production(self) -> bool:
        """Whether the services' data are protected against deletion and the failure of a zone."""
        return self.stage in _PRODUCTION

    @property
    def function_architecture(self) -> Architecture:
        """The processor architecture of the functions; an emulator uses this machine's."""
        return machine_architecture() if self.emulator else self.architecture

    @property
    def log_retention(self) -> logs.RetentionDays:
        """The retention time of logs as a CDK value."""
        return {
            1: logs.RetentionDays.ONE_DAY,
            7: logs.RetentionDays.ONE_WEEK,
            14: logs.RetentionDays.TWO_WEEKS,
            30: logs.RetentionDays.ONE_MONTH,
            90: logs.RetentionDays.THREE_MONTHS,
            180: logs.RetentionDays.SIX_MONTHS,
            365: logs.RetentionDays.ONE_YEAR,
        }[self.log_retention_days]

    def name(self, *parts: str) -> str:
        """Return ``evergreen-<stage>-<parts>``, the name of one resource.

        Raises
        ------
        EvergreenError
            If the name is longer than AWS accepts.
        """
        name = "-".join(["evergreen", self.stage, *parts])
        if len(name) > _LONGEST_NAME:
            raise EvergreenError(
                f"the name has {len(name)} characters and AWS accepts {_LONGEST_NAME}",
                where=name,
                fix="Give the stage or the model a shorter name.",
            )
        return name


def read_settings(context: Mapping[str, Any]) -> Settings:
    """Read the settings from the CDK context, without CDK's keys, which hold a colon or a slash.

    Raises
    ------
    EvergreenError
        If a key is unknown or a value is not valid; the message names each of them.
    """
    ours = {key: value for key, value in context.items() if not {":", "/"} & set(key)}
    try:
        return Settings.model_validate(ours)
    except ValidationError as error:
        problems = "; ".join(_explain(detail) for detail in error.errors(include_url=False))
        raise EvergreenError(problems, where="cdk.json or -c") from error


def _explain(detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    key = ".".join(str(part) for part in detail["loc"])
    if key in _ELSEWHERE:
        return f"{key}: {_ELSEWHERE[key]}"
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such setting (there are: {', '.join(sorted(Settings.model_fields))})"
    return f"{key}: {detail['msg']}, not {detail['input']!r}"
