"""Where the registry is in the data bucket, without what needs MLflow."""

from __future__ import annotations

REGISTRY_PREFIX = "registry/"
EVALUATION_REPORTS = f"{REGISTRY_PREFIX}*/report.html"
"""The evaluation reports in it, as a pattern."""


def run_files(bucket: str, model: str) -> str:
    """Return the URI below which a model's runs keep their files, if MLflow is SageMaker's."""
    return f"s3://{bucket}/{REGISTRY_PREFIX}{model}/files"
