"""A renamed feature is taken by either name, so callers change when they like."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from evergreen.bundle.served import accepted_categories, served_definition
from evergreen.capture.request_log import RequestLogWriter
from evergreen.datasets.schema import to_columns
from evergreen.errors import RequestError
from evergreen.evaluation.scoring import why_unscorable
from evergreen.model_definition import ModelDefinition
from evergreen.serving.readers import request_reader
from evergreen.training.onnx_export import export_bundle
from tests.support.fixed_clock import NOW

COLUMNS = {"wind": np.arange(50, dtype=np.float32), "rain": np.ones(50, np.float32)}


def definition(name: str = "gust", before: str | None = "wind", **more: Any) -> ModelDefinition:
    old = {} if before is None else {"renamed_from": before}
    features = {name: {"type": "float", "max": 9, **old}, "rain": {"type": "float"}}
    values = {"name": "bus", "task": "regression", "target": "delay", "features": features}
    return ModelDefinition.model_validate({**values, **more})


def trained(on: ModelDefinition) -> Any:
    columns = {name: COLUMNS["wind" if name == "gust" else name] for name in on.features}
    model = LinearRegression().fit(pd.DataFrame(columns), columns[next(iter(columns))])
    return export_bundle(model, on, columns, "1")


@pytest.mark.parametrize("version", [definition("wind", None), definition()], ids=["old", "new"])
def test_both_versions_take_both_names(version: ModelDefinition) -> None:
    bundle, now = trained(version), definition(request_log={"redact": ["rain"]})
    served = served_definition(now, bundle.signature)
    [name, _] = served.features
    assert (name, served.features[name].max) == (next(iter(version.features)), 9)
    reader = request_reader(served, accepted_categories(served, bundle.signature))
    for sent in ("wind", "gust"):
        request = reader.read(json.dumps({"instances": [{sent: 4, "rain": 1}]}).encode())
        assert request.columns[name].tolist() == [4]
        assert reader.read_csv(f"{sent},rain\n4,1\n".encode()).columns[name].tolist() == [4]
        line = RequestLogWriter(served).lines(
            timestamp=NOW,
            request_id="r",
            model_version="1",
            written=request.written,
            outputs=[1.0],
            confidences=None,
            metadata={},
            rows=request.rows,
        )
        assert json.loads(line)["input_data"] == {name: 4}
    with pytest.raises(RequestError) as refused:
        reader.read(b'{"instances": [{"breeze": 4, "rain": 1}]}')
    assert name in refused.value.fields[0].message
    for sent in ("wind", "gust"):
        with pytest.raises(RequestError) as refused:
            reader.read(json.dumps({"instances": [{sent: "4", "rain": 1}]}).encode())
        [fault] = refused.value.fields
        assert (fault.path, fault.message[:16]) == (f"instances[0].{sent}", "must be a number")


def test_columns_that_are_passed_over_may_stand_beside_either_name() -> None:
    features = {"gust": {"type": "float", "renamed_from": "wind", "nullable": True}}
    reader = request_reader(definition(features=features))
    for sent in ("wind", "gust"):
        body = json.dumps({"instances": [{sent: 4, "hue": "red"}]}).encode()
        request = reader.read(body, ignore_others=True)
        assert request.columns["gust"].tolist() == [4]
        assert list(request.warnings) == ["hue is no feature of this model and was ignored"]
    neither = reader.read(b'{"instances": [{"hue": "red"}]}', ignore_others=True)
    assert np.isnan(neither.columns["gust"]).all()


def test_a_champion_of_the_old_name_predicts_rows_with_the_new_one() -> None:
    bundle = trained(definition("wind", None))
    assert why_unscorable(definition(), bundle) is None
    assert why_unscorable(definition(before=None), bundle) is not None
    served = served_definition(definition(), bundle.signature)
    rows = pa.table({"gust": [1.0, 2.0], "rain": [0.0, 0.0]})
    assert to_columns(served, rows)["wind"].tolist() == [1, 2]


def test_what_is_kept_out_of_the_log_stays_out_by_its_old_name() -> None:
    served = served_definition(
        definition(request_log={"redact": ["gust"]}), trained(definition("wind", None)).signature
    )
    assert served.request_log.redact == ("wind",)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"a": {"type": "float", "renamed_from": "b"}, "b": {"type": "float"}}, "is a feature"),
        ({n: {"type": "float", "renamed_from": "x"} for n in "ab"}, "names it twice"),
        ({"a": {"type": "float", "renamed_from": "row"}}, "columns of the request log"),
    ],
)
def test_a_mistake_is_named(features: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        definition(features=features)
