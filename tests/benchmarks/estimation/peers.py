"""NannyML's estimates, in an environment that has it: a folder of windows comes in, numbers go out.

Each window is one chunk. CBPE estimates the accuracy of classes, DLE the error of numbers; both
learn on the same holdout as ours, with their defaults.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import nannyml
import pandas as pd


def main() -> None:
    """Estimate every window of a folder, and write ``peers.json`` beside them."""
    folder = Path(sys.argv[1])
    about = json.loads((folder / "about.json").read_text())
    reference = _read(folder / "holdout.parquet", about["classes"])
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = _estimator(about).fit(reference)
        values = [
            _value(estimator, _read(folder / f"window-{number}.parquet", about["classes"]))
            for number in range(about["windows"])
        ]
    seconds = (time.process_time() - began) / max(about["windows"], 1)
    (folder / "peers.json").write_text(json.dumps({"values": values, "seconds": seconds}))


def _estimator(about: dict[str, Any]) -> Any:
    if about["classes"]:
        names = about["classes"]
        two = len(names) == 2
        return nannyml.CBPE(
            y_pred="model_output",
            y_true="label",
            y_pred_proba=f"p{len(names) - 1}" if two else {n: f"p{i}" for i, n in enumerate(names)},
            problem_type="classification_binary" if two else "classification_multiclass",
            metrics=["accuracy"],
            chunk_number=1,
        )
    return nannyml.DLE(
        feature_column_names=about["features"],
        y_pred="model_output",
        y_true="label",
        metrics=[about["metric"]],
        chunk_number=1,
    )


def _value(estimator: Any, window: pd.DataFrame) -> float | None:
    table = estimator.estimate(window).filter(period="analysis").to_df()
    [column] = [each for each in table.columns if each[-1] == "value"]
    found = table[column].iloc[0]
    return None if pd.isna(found) else float(found)


def _read(file: Path, classes: list[str]) -> pd.DataFrame:
    frame = pd.read_parquet(file)
    if len(classes) == 2:  # it takes two classes as 0 and 1
        for name in ("label", "model_output"):
            frame[name] = (frame[name] == classes[1]).astype(int)
    for name in frame.columns:
        if frame[name].dtype == object and name not in {"label", "model_output"}:
            frame[name] = frame[name].astype("category")
    return frame


if __name__ == "__main__":
    main()
