"""NannyML's estimates, in an environment that has it: a folder of windows comes in, numbers go out.

Each window is one chunk. CBPE estimates accuracy, ROC AUC and average precision of classes, DLE the
error of numbers; both learn on the same holdout as ours, with their defaults.
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

_NAMES = {"pr_auc": "average_precision"}


def main() -> None:
    """Estimate every window of a folder by each metric, and write ``peers.json`` beside them."""
    folder = Path(sys.argv[1])
    about = json.loads((folder / "about.json").read_text())
    reference = _read(folder / "holdout.parquet", about)
    windows = [
        _read(folder / f"window-{number}.parquet", about) for number in range(about["windows"])
    ]
    found = {}
    for metric in about["metrics"]:
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator = _estimator(about, _NAMES.get(metric, metric)).fit(reference)
                values = [_value(estimator, window) for window in windows]
            except Exception as error:  # noqa: BLE001 - where it has no estimate, the page has none
                sys.stderr.write(f"NannyML has no {metric}: {error}\n")
                continue
        seconds = (time.process_time() - began) / max(len(windows), 1)
        found[metric] = {"values": values, "seconds": seconds}
    (folder / "peers.json").write_text(json.dumps(found))


def _estimator(about: dict[str, Any], metric: str) -> Any:
    if about["classes"]:
        names = about["classes"]
        two = len(names) == 2
        return nannyml.CBPE(
            y_pred="model_output",
            y_true="label",
            y_pred_proba=(
                f"p{names.index(about['positive'])}"
                if two
                else {name: f"p{place}" for place, name in enumerate(names)}
            ),
            problem_type="classification_binary" if two else "classification_multiclass",
            metrics=[metric],
            chunk_number=1,
        )
    return nannyml.DLE(
        feature_column_names=about["features"],
        y_pred="model_output",
        y_true="label",
        metrics=[metric],
        chunk_number=1,
    )


def _value(estimator: Any, window: pd.DataFrame) -> float | None:
    table = estimator.estimate(window).filter(period="analysis").to_df()
    [column] = [each for each in table.columns if each[-1] == "value"]
    found = table[column].iloc[0]
    return None if pd.isna(found) else float(found)


def _read(file: Path, about: dict[str, Any]) -> pd.DataFrame:
    frame = pd.read_parquet(file)
    if len(about["classes"]) == 2:  # it takes two classes as 0 and 1
        for name in ("label", "model_output"):
            frame[name] = (frame[name] == about["positive"]).astype(int)
    for name in frame.columns:
        if frame[name].dtype == object and name not in {"label", "model_output"}:
            frame[name] = frame[name].astype("category")
    return frame


if __name__ == "__main__":
    main()
