"""The deployments whose templates are checked: together they use every setting with a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCOUNT = "111122223333"

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "production": {
        "stage": "prod",
        "region": "eu-central-1",
        "alert_email": "a@example.com",
        "tracking": "fargate",
        "tracking_size": "large",
        "monitoring": "full",
        "snap_start": True,
        "grafana": "fargate",
        "services_domain": "ml.example.com",
        "services_certificate_arn": (
            f"arn:aws:acm:eu-central-1:{_ACCOUNT}:certificate/11112222-3333-4444-5555-666677778888"
        ),
        "services_allowed_cidrs": "10.8.0.0/16",
    },
    "endpoints": {
        "region": "eu-central-1",
        "architecture": "arm64",
        "tracking": "fargate",
        "vpc_egress": "endpoints",
        "grafana": "existing",
        "grafana_role_arn": f"arn:aws:iam::{_ACCOUNT}:role/grafana",
        "engine": "athena",
    },
    "managed": {
        "tracking": "sagemaker",
        "tracking_server_arn": (
            f"arn:aws:sagemaker:us-east-1:{_ACCOUNT}:mlflow-tracking-server/runs"
        ),
    },
}
"""The context of each variant, by its name."""
ON_SAGEMAKER = {"endpoints"}
"""The variants in which one model is trained by SageMaker."""
