"""Storage of evaluation reports in the challenger's run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from evergreen.evaluation.report import ARTIFACT, REPORT_PAGE, report_files

if TYPE_CHECKING:
    from evergreen.evaluation.comparison import Comparison
    from evergreen.evaluation.report import EvaluationContext
    from evergreen.evaluation.side_by_side import EvaluationResult
    from evergreen.registry.writer import Registry


def keep_report(
    evaluation: EvaluationResult, context: EvaluationContext, registry: Registry
) -> Comparison:
    """Keep the report in the challenger's run; return the comparison with the report's URI.

    A second call writes the same files.

    Raises
    ------
    RegistryError
        If MLflow refused or cannot be reached.
    """
    uri = registry.artifact_uri(context.run_id, f"{ARTIFACT}/{REPORT_PAGE}")
    with TemporaryDirectory() as scratch:
        for name, body in report_files(evaluation, context).items():
            (Path(scratch) / name).write_bytes(body)
        registry.upload(context.run_id, Path(scratch), ARTIFACT)
    return evaluation.comparison.model_copy(update={"report_uri": uri})
