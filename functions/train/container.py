"""Entry point of the container of a SageMaker training job.

SageMaker's contract (docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html):
hyperparameters, all of them text, are in ``input/config/hyperparameters.json`` below ``/opt/ml``.
SageMaker keeps the files in ``model/``. A training that fails writes the reason to
``output/failure`` and exits with a code other than zero.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from functions.shared.logs import create_logger
from functions.train.work import TrainingRequest, train_once

FAILURE_CHARACTERS = 1024
"""The number of characters of ``output/failure`` that SageMaker reports."""

logger = create_logger()


def run(folder: Path) -> int:
    """Train with the hyperparameters below ``folder``, and return the exit code."""
    try:
        asked = json.loads((folder / "input/config/hyperparameters.json").read_text())
        trained = train_once(TrainingRequest.model_validate(asked))
    except Exception as error:
        logger.exception("the training failed")
        failure = folder / "output/failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        reason = f"{type(error).__name__}: {error}"[:FAILURE_CHARACTERS]
        failure.write_text(f"{reason}\n\n{traceback.format_exc()}")
        return 1
    kept = folder / "model/run.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(asdict(trained)))
    logger.info("challenger trained", extra=asdict(trained))
    return 0


def main() -> None:
    """Run in ``/opt/ml``, or in the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Train a challenger as a SageMaker job does.")
    parser.add_argument("--folder", type=Path, default=Path("/opt/ml"), help="instead of /opt/ml")
    sys.exit(run(parser.parse_args().folder))


if __name__ == "__main__":
    main()
