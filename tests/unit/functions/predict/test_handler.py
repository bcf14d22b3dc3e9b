"""One model's routes, from an event of API Gateway to the answer that goes back."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from evergreen.metrics.catalog import BY_METRIC, SPECS, Metric
from functions.predict.handler import handler
from tests.support.aws_in_process import failing, refusal
from tests.support.gateway_events import Context, event
from tests.support.trained_models import ROW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

CONTEXT: Any = Context()
MODEL = "/models/late_bus"
OPEN = "/v2/models/late_bus"
KNOWN = "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80"


def call(method: str, path: str, body: Any = None, **how: Any) -> tuple[int, Any, str]:
    answer = handler(event(method, path, body, **how), CONTEXT)
    assert answer["isBase64Encoded"] is False
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]["content-type"]


def problem(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    status, content, kind = call(method, path, body)
    assert kind == "application/problem+json"
    assert content["status"] == status
    assert content["title"]
    return status, content


@pytest.mark.parametrize("path", [f"{MODEL}/predict", f"{MODEL}/invocations"])
@pytest.mark.parametrize("base64_body", [False, True])
def test_a_prediction(promoted: Account, path: str, base64_body: bool) -> None:
    body = {"instances": [ROW, ROW]}
    status, content, kind = call("POST", path, body, base64_body=base64_body)
    assert (status, kind) == (200, "application/json")
    records = promoted.delivered("requests")
    assert content == {
        "request_id": records[0]["request_id"],
        "model_version": "1",
        "predictions": [record["model_output"] for record in records],
        "confidences": [record["confidence"] for record in records],
    }
    assert records[0]["metadata"]["source_ip"] == "192.0.2.7"
    assert records[0]["metadata"]["user_agent"] == "curl/8.5.0"


@pytest.mark.parametrize(
    "path",
    [f"{MODEL}/predict", f"{MODEL}/invocations", "/v1/models/late_bus:predict", f"{OPEN}/infer"],
)
def test_each_protocol_takes_the_new_name_of_a_feature(
    promoted: Account, tmp_path: Path, path: str
) -> None:
    file = tmp_path / "late_bus" / "model.toml"
    renamed = file.read_text().replace("stops = {", 'halts = { renamed_from = "stops",')
    file.write_text(renamed)
    row = {"halts" if name == "stops" else name: value for name, value in ROW.items()}
    kinds = {"wind": "FP32", "halts": "INT64", "line": "BYTES", "express": "BOOL"}
    tensors = [
        {"name": name, "shape": [1, 1], "datatype": kind, "data": [[row[name]]]}
        for name, kind in kinds.items()
    ]
    body: Any = {"inputs": tensors} if path.startswith(OPEN) else {"instances": [row]}
    assert call("POST", path, body)[0] == 200
    (record,) = promoted.delivered("requests")
    assert record["input_data"] == ROW


def test_an_inference_of_the_open_protocol(promoted: Account) -> None:
    kinds = {"wind": "FP32", "stops": "INT64", "line": "BYTES", "express": "BOOL"}
    tensors = [
        {"name": name, "shape": [2, 1], "datatype": kind, "data": [[ROW[name]], [ROW[name]]]}
        for name, kind in kinds.items()
    ]
    status, content, _ = call("POST", f"{OPEN}/infer", {"id": "mine", "inputs": tensors})
    records = promoted.delivered("requests")
    assert status == 200
    assert content == {
        "id": "mine",
        "model_name": "late_bus",
        "model_version": "1",
        "parameters": {"request_id": records[0]["request_id"]},
        "outputs": [
            {
                "name": "predictions",
                "datatype": "BYTES",
                "shape": [2],
                "data": [record["model_output"] for record in records],
            },
            {
                "name": "confidences",
                "datatype": "FP64",
                "shape": [2],
                "data": [record["confidence"] for record in records],
            },
        ],
    }
    body = {"inputs": tensors, "outputs": [{"name": "confidences"}]}
    _, content, _ = call("POST", f"{OPEN}/infer", body)
    assert [tensor["name"] for tensor in content["outputs"]] == ["confidences"]
    assert content["id"] == content["parameters"]["request_id"]


def test_what_the_model_is(promoted: Account) -> None:
    _, content, _ = call("GET", MODEL)
    assert content["production"]["version"] == "1"
    assert content["production"]["metric"] == 0.75
    assert content["features"]["stops"] == {
        "type": "integer",
        "nullable": False,
        "min": 0,
        "max": 40,
    }
    _, content, _ = call("GET", OPEN)
    assert content["versions"] == ["1"]
    assert content["inputs"][2] == {"name": "line", "datatype": "BYTES", "shape": [-1, 1]}
    assert call("GET", f"{OPEN}/ready")[:2] == (200, {"name": "late_bus", "ready": True})


def test_before_the_first_promotion(aws: Account) -> None:
    assert call("GET", MODEL)[1]["production"] is None
    for method, path, body in (
        ("POST", f"{MODEL}/predict", {"instances": [ROW]}),
        ("GET", OPEN, None),
        ("GET", f"{OPEN}/ready", None),
    ):
        status, content = problem(method, path, body)
        assert status == (400 if path.endswith("ready") else 503)  # the protocol asks for 4xx
        assert "in production yet" in content["detail"]


def test_a_faulty_request_is_told_so_before_the_first_promotion(aws: Account) -> None:
    assert problem("POST", f"{MODEL}/predict", "no rows")[0] == 400
    _, content = problem("POST", f"{MODEL}/predict", {"instances": [{**ROW, "stops": 1.5}]})
    assert [fault["path"] for fault in content["errors"]] == ["instances[0].stops"]


def test_what_rows_an_unreadable_pointer_takes_is_not_known(aws: Account) -> None:
    aws.client("ssm").put_parameter(
        Name="/evergreen/dev/late_bus/production", Value="no JSON", Type="String"
    )
    assert problem("POST", f"{MODEL}/predict", "no rows")[0] == 400
    status, content = problem("POST", f"{MODEL}/predict", {"instances": [{**ROW, "stops": 1.5}]})
    assert (status, "pointer" in content["detail"]) == (503, True)


def test_ground_truth_is_stored_before_it_is_accepted(promoted: Account) -> None:
    labels = [
        {"request_id": KNOWN, "label": "late"},
        {"request_id": KNOWN, "row": 1, "label": "on time"},
    ]
    status, content, _ = call("POST", f"{MODEL}/ground-truth", labels)
    assert (status, content) == (202, {"accepted": 2})
    assert [record["row"] for record in promoted.delivered("labels")] == [0, 1]
    status, content = problem("POST", f"{MODEL}/ground-truth", [{"request_id": KNOWN}])
    assert status == 422
    assert content["errors"][0]["path"] == "$[0].label"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('"label": "late", "row": 9223372036854775808', "row"),
        ('"label": "late", "row": 5000', "row"),
        ('"label": "late", "row": 0.7', "row"),
        ('"label": "late", "observed_at": "0001-01-01T00:00:00+14:00"', "observed_at"),
        ('"label": "late", "observed_at": "9999-12-31T23:59:59-14:00"', "observed_at"),
        ('"label": 1', "label"),
        ('"label": true', "label"),
        ('"label": "LATE"', "label"),
        ('"label": "banana"', "label"),
        ('"label": "late", "label": "on time"', "label"),
        (f'"label": "{"x" * 300}"', "label"),
        (f'"label": {"[" * 150}{"]" * 150}', "label"),
        pytest.param(f'"label": "late", "{"\\u0001" * 700_000}": 1', "", id="a name of 4 MB"),
    ],
)
def test_one_bad_label_refuses_the_good_ones_beside_it_and_is_named(
    promoted: Account, text: str, field: str
) -> None:
    good, bad = (f'{{"request_id": "{KNOWN}", {rest}}}' for rest in ('"label": "late"', text))
    status, content = problem("POST", f"{MODEL}/ground-truth", f"[{good}, {bad}]")
    assert status == 422
    (named,) = content["errors"]
    assert named["path"].startswith(f"$[1].{field}")
    assert promoted.delivered("labels") == []


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "[" * 300 + "]" * 300, '"\\ud800"', "1" * 5000]
)
def test_a_label_that_is_no_json_is_told_so(promoted: Account, text: str) -> None:
    body = f'[{{"request_id": "{KNOWN}", "label": {text}}}]'
    assert problem("POST", f"{MODEL}/ground-truth", body)[0] == 400
    assert promoted.delivered("labels") == []


def test_ground_truth_is_taken_while_no_model_is_in_production(aws: Account) -> None:
    labels = [{"request_id": KNOWN, "label": 1}]
    assert call("POST", f"{MODEL}/ground-truth", labels)[0] == 202


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{MODEL}/predict", "{", 400),
        (f"{MODEL}/predict", '{"instances": [NaN]}', 400),
        (f"{MODEL}/predict", None, 400),
        (f"{MODEL}/ground-truth", "[", 400),
        ("/models/other/predict", {"instances": [ROW]}, 404),
        (f"{MODEL}/train", {}, 404),
        (f"{MODEL}/predict", {"instances": [ROW] * 5001}, 413),
        (f"{MODEL}/predict", {"instances": [{**ROW, "stops": "x"}]}, 422),
        (f"{OPEN}/infer", {"instances": [ROW]}, 422),
    ],
)
def test_what_cannot_be_served_is_a_problem(
    promoted: Account, path: str, body: Any, status: int
) -> None:
    assert problem("POST", path, body)[0] == status
    assert promoted.delivered("requests") == promoted.delivered("labels") == []


def test_a_wrong_method_is_a_problem(promoted: Account) -> None:
    assert problem("DELETE", MODEL)[0] == 405


def test_a_fault_is_named_by_its_path(promoted: Account) -> None:
    _, content = problem("POST", f"{MODEL}/predict", {"instances": [ROW, {**ROW, "stops": 1.5}]})
    assert content["errors"] == [
        {"path": "instances[1].stops", "message": "must be a whole number, not 1.5"}
    ]


def test_rows_that_cannot_be_logged_are_503(promoted: Account) -> None:
    assert call("GET", f"{OPEN}/ready")[0] == 200
    with (
        failing(promoted.firehose, refusal("ServiceUnavailableException")),
        failing(promoted.s3, EndpointConnectionError(endpoint_url="s3")),
    ):
        status, content = problem("POST", f"{MODEL}/predict", {"instances": [ROW]})
    assert status == 503
    assert "neither Firehose nor S3" in content["detail"]


def test_rows_that_firehose_refuses_go_where_its_readers_look(promoted: Account) -> None:
    with failing(promoted.firehose, refusal("ServiceUnavailableException")):
        assert call("POST", f"{MODEL}/predict", {"instances": [ROW]})[0] == 200
    (spill,) = promoted.storage().list("request-log/raw/model=late_bus/")
    assert "/spill-" in spill.key


def test_an_unexpected_error_is_a_problem_without_details(
    promoted: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("functions.predict.protocols.own.model_body", fail)
    status, content = problem("GET", MODEL)
    assert status == 500
    assert "42" not in json.dumps(content)


def metric_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "_aws" in line]


def test_metrics_are_written_once_and_told_apart_by_at_most_one_more_dimension(
    promoted: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    call("GET", f"{OPEN}/ready")
    capsys.readouterr()
    call("POST", f"{MODEL}/predict", {"instances": [ROW, {**ROW, "wind": 7.5}]})
    metrics, *others = metric_lines(capsys)
    assert {name for other in others for name in other} <= {"_aws", "model", "output", "Outputs"}
    directives = metrics["_aws"]["CloudWatchMetrics"]
    assert {directive["Namespace"] for directive in directives} == {"Evergreen"}
    found = {
        each["Name"]: (each["Unit"], directive["Dimensions"])
        for directive in directives
        for each in directive["Metrics"]
    }
    for name, (unit, dimensions) in found.items():
        spec = BY_METRIC[Metric(name)]
        assert unit == spec.unit
        assert dimensions == [["model"], *([["model", spec.by]] if spec.by else [])]
    assert metrics["model"] == "late_bus"
    assert metrics["endpoint"] == "/models/{model}/predict"
    assert (metrics["status"], metrics["origin"]) == ("200", "192.0.0.0/8")
    assert (metrics["Requests"], metrics["Predictions"], metrics["OutOfRange"]) == ([1], [2], [1])
    assert (metrics["Healthy"], metrics["ProductionVersion"]) == ([1], [1])


def test_predict_emits_every_metric_that_the_table_says_it_does(
    promoted: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    call("POST", f"{MODEL}/predict", {"instances": [ROW]})
    emitted = {
        each["Name"]
        for line in metric_lines(capsys)
        for directive in line["_aws"]["CloudWatchMetrics"]
        for each in directive["Metrics"]
    }
    assert emitted == {spec.metric for spec in SPECS if spec.emitter == "predict"}


def test_outputs_are_counted_by_class(
    promoted: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**ROW, "wind": 3, "stops": 40}, {**ROW, "wind": -3, "stops": 0}, ROW]
    _, content, _ = call("POST", f"{MODEL}/predict", {"instances": rows})
    counted = {line["output"]: line["Outputs"] for line in metric_lines(capsys)}
    expected = Counter(content["predictions"])
    assert len(expected) == 2
    assert counted == {label: [number] for label, number in expected.items()}


def test_faults_are_counted(promoted: Account, capsys: pytest.CaptureFixture[str]) -> None:
    call("POST", f"{MODEL}/predict", {"instances": [{**ROW, "stops": None, "express": None}]})
    (line,) = metric_lines(capsys)
    assert line["InvalidValues"] == [2]
    assert (line["status"], line["ClientErrors"], line["ServerErrors"]) == ("422", [1], [0])


def test_an_address_that_is_nowhere_is_one_endpoint(
    promoted: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("/nowhere/1", "/nowhere/2"):
        call("GET", path)
    assert [line["endpoint"] for line in metric_lines(capsys)] == ["other"] * 2


def test_without_a_model_it_is_not_healthy(
    aws: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    call("POST", f"{MODEL}/predict", {"instances": [ROW]})
    (line,) = metric_lines(capsys)
    assert (line["Healthy"], line["ServerErrors"], line["status"]) == ([0], [1], "503")
    assert "ProductionVersion" not in line
