"""What Grafana is given, read back with the Foundation SDK's own models.

Reading a document into the models and writing it again must give the same document: a field that
the schema does not know would be lost on the way. Every value is then held against its field's
declared type, enumerations and literals included.
"""

from __future__ import annotations

import inspect
import json
import typing
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.alerting import ContactPoint, Rule
from grafana_foundation_sdk.models.dashboard import Dashboard
from pydantic import ConfigDict, TypeAdapter, ValidationError

from dashboards.building.build import PROVISIONING, SOURCES, provisioning, write_dashboards
from dashboards.building.layout import BOARDS
from dashboards.building.search_limits import SERVICE_PANELS
from dashboards.checking.provisioned import read_alerts, read_dashboards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = provisioning()
BOARD_FILES = [name for name in FILES if name.endswith(".json")]


@pytest.fixture(autouse=True, scope="module")
def _plugins() -> None:
    register_default_plugins()


def test_the_committed_files_are_current() -> None:
    committed = {
        str(path.relative_to(PROVISIONING)): path.read_text()
        for path in PROVISIONING.rglob("*")
        if path.is_file()
    }
    assert committed == dict(FILES), "run `python -m dashboards.building.build`"


def test_there_are_four_dashboards_for_each_data_source() -> None:
    expected = {f"dashboards/{source.key}/{board}.json" for source in SOURCES for board in BOARDS}
    assert set(BOARD_FILES) == expected


@pytest.mark.parametrize("name", BOARD_FILES)
def test_a_dashboard_is_valid_by_the_schema(name: str) -> None:
    document = json.loads(FILES[name])
    model = Dashboard.from_json(document)
    assert plain(model) == document
    assert list(faults(model)) == []


def test_the_schema_check_finds_faults() -> None:
    document = json.loads(FILES["dashboards/cloudwatch/api.json"])
    document["panels"][1]["titel"] = "unknown to the schema"
    assert plain(Dashboard.from_json(document)) != document
    document = json.loads(FILES["dashboards/cloudwatch/api.json"])
    document["graphTooltip"] = "not one of the enumeration"
    document["panels"][1]["targets"][0]["metricQueryType"] = 7
    found = " ".join(faults(Dashboard.from_json(document)))
    assert "graph_tooltip" in found
    assert "metric_query_type" in found


def test_alert_rules_are_valid_by_the_schema() -> None:
    groups = yaml.safe_load(FILES["alerting/rules.yaml"])["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 5
    for rule in rules:
        whole = {**rule, "folderUID": "f", "orgID": 1, "ruleGroup": "g"}
        model = Rule.from_json(whole)
        assert plain(model) == whole
        assert list(faults(model)) == []


def test_contact_points_are_an_email_and_a_webhook() -> None:
    content = yaml.safe_load(FILES["alerting/contact_points.yaml"])
    (point,) = content["contactPoints"]
    for receiver in point["receivers"]:
        model = ContactPoint.from_json(receiver)
        assert plain(model) == receiver
        assert list(faults(model)) == []
    assert {receiver["type"] for receiver in point["receivers"]} == {"email", "webhook"}
    assert [policy["receiver"] for policy in content["policies"]] == [point["name"]]


def test_every_query_names_a_provisioned_data_source() -> None:
    provisioned = {
        (source["uid"], source["type"])
        for name, text in FILES.items()
        if name.startswith("datasources/")
        for source in yaml.safe_load(text)["datasources"]
    }
    for name in BOARD_FILES:
        board = json.loads(FILES[name])
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                used = target["datasource"]
                assert (used["uid"], used["type"]) in provisioned
    for queries in read_alerts(PROVISIONING):
        used = queries.targets[0]["datasource"]
        assert (used["uid"], used["type"]) in provisioned


def test_uids_and_numbers_of_panels_are_unique() -> None:
    boards = [json.loads(FILES[name]) for name in BOARD_FILES]
    uids = [board["uid"] for board in boards]
    assert len(set(uids)) == len(boards)
    for board in boards:
        assert 8 <= len(board["uid"]) <= 40
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_panels_do_not_overlap() -> None:
    for name in BOARD_FILES:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(FILES[name])["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert max(x for x, _ in cells) < 24, f"{name}: {panel['title']}"
            assert not cells & taken, f"{name}: {panel['title']}"
            taken |= cells


def test_variables_are_replaced_everywhere() -> None:
    for source in SOURCES:
        variables = {"model": "m1", "stage": "s1", "period": "60"}
        for queries in read_dashboards(PROVISIONING, source.key, variables):
            assert "$model" not in json.dumps(queries.targets)
            assert "$stage" not in json.dumps(queries.targets)
            assert "$period" not in json.dumps(queries.targets)
            assert "${period}" not in json.dumps(queries.targets)


@pytest.mark.parametrize("board", [board for board in BOARDS if board != "overview"])
def test_all_models_can_be_selected_and_each_series_names_its_model(board: str) -> None:
    """Grafana's CloudWatch replaces a variable in a text, and sends a list as it is."""
    for source, everything, name in (
        ("cloudwatch", "*", "${PROP('Dim.model')}"),
        ("prometheus", None, "{{model}}"),  # the data source joins the models itself
    ):
        document = json.loads(FILES[f"dashboards/{source}/{board}.json"])
        variables = {each["name"]: each for each in document["templating"]["list"]}
        assert variables["model"]["includeAll"] is True
        assert variables["model"].get("allValue") == everything
        # Two stages of one model would be one series, so "All" is not offered.
        assert ("stage" in variables) == (source == "prometheus")
        assert not variables.get("stage", {}).get("includeAll")
        for target in (one for panel in document["panels"] for one in panel.get("targets", [])):
            assert ["$model"] not in target.get("dimensions", {}).values()
            expression = target.get("expr", "")
            assert 'model="$model"' not in expression
            assert expression.count("{model") == expression.count('stage="$stage"}')
            selected = target.get("dimensions", {}).get("model") == "$model"
            if (selected and not target.get("hide")) or 'model=~"$model"' in expression:
                assert name in target.get("label", target.get("legendFormat"))


def test_a_series_says_what_it_is_only_if_the_title_of_its_panel_does_not() -> None:
    board = json.loads(FILES["dashboards/cloudwatch/service.json"])
    labels = {
        panel["title"]: [target["label"] for target in panel["targets"]]
        for panel in board["panels"]
        if "targets" in panel
    }
    assert labels["Cold starts"] == ["${PROP('Dim.model')}"]
    assert labels["Container health"][1] == "cold starts ${PROP('Dim.model')}"


def test_writing_deletes_what_is_no_longer_built(tmp_path: Path) -> None:
    left = tmp_path / "dashboards" / "cloudwatch" / "old.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    assert write_dashboards(tmp_path)
    assert not left.exists()
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == len(FILES)


def plain(model: object) -> Any:
    return json.loads(json.dumps(model, cls=JSONEncoder))


def faults(model: object, path: str = "") -> Iterator[str]:
    """Yield where a value, at any depth, is not of the type that the SDK declares."""
    kind = type(model)
    module = inspect.getmodule(kind)
    if isinstance(model, dict | list):
        for key, item in model.items() if isinstance(model, dict) else enumerate(model):
            yield from faults(item, f"{path}[{key}]")
        return
    if module is None or not module.__name__.startswith("grafana_foundation_sdk.models"):
        return
    if not hasattr(model, "to_json"):
        return
    hints = typing.get_type_hints(kind, vars(module))
    for name, hint in hints.items():
        value = getattr(model, name)
        here = f"{path}.{name}"
        try:
            adapter = TypeAdapter[Any](hint, config=ConfigDict(arbitrary_types_allowed=True))
            adapter.validate_python(value)
        except ValidationError as error:
            yield f"{here}: {error.errors()[0]['msg']}"
        yield from faults(value, here)


def test_a_panel_with_a_limit_shows_it_in_the_unit_of_its_queries() -> None:
    shown = {}
    for name in BOARD_FILES:
        for panel in json.loads(FILES[name])["panels"]:
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {})
            if steps:
                last = steps["steps"][-1]
                shown[name.split("/")[1], panel["title"]] = last["value"], last["color"]
    assert shown["cloudwatch", "Response time by endpoint"] == (1000, "red")
    assert shown["prometheus", "Response time by endpoint"] == (1, "red")
    for source in ("cloudwatch", "prometheus"):
        assert shown[source, "Error rate"] == (0.05, "red")
        assert shown[source, "Health"] == (1, "green")
        assert shown[source, "Live metric worse"] == (1, "red")
    assert shown["cloudwatch", "Drifted share"] == (50, "red")
    assert shown["prometheus", "Drifted share"] == (0.5, "red")


def test_an_alert_links_its_runbook_and_a_panel_that_there_is() -> None:
    panels = {
        (board["uid"], str(panel["id"])): panel["title"]
        for board in (json.loads(FILES[name]) for name in BOARD_FILES)
        for panel in board["panels"]
    }
    (group,) = yaml.safe_load(FILES["alerting/rules.yaml"])["groups"]
    for rule in group["rules"]:
        links = rule["annotations"]
        assert links["runbook_url"].startswith("${EVERGREEN_DOCS_URL}/runbooks/")
        if rule["uid"] != "evergreen-dead-letters":  # no board shows it
            assert panels[links["__dashboardUid__"], links["__panelId__"]]
    slow = next(rule for rule in group["rules"] if rule["uid"] == "evergreen-slow-answers")
    links = slow["annotations"]
    shown = panels[links["__dashboardUid__"], links["__panelId__"]]
    assert shown == "Response time by endpoint"
    assert slow["data"][-1]["model"]["conditions"][0]["evaluator"] == {
        "params": [1000],
        "type": "gte",
    }


def test_alerts_on_what_other_services_count_and_on_what_fails_to_come_are_searches() -> None:
    (group,) = yaml.safe_load(FILES["alerting/rules.yaml"])["groups"]
    rules = {rule["uid"]: rule for rule in group["rules"]}
    asked = {
        uid: rule["data"][0]["model"]["expression"]
        for uid, rule in rules.items()
        if "expression" in rule["data"][0]["model"]
    }
    assert asked == {
        "evergreen-drift-check-missing": "FILL(SEARCH('{Evergreen,model} "
        "MetricName=\"WindowRows\"', 'SampleCount', 3600), 0)",
        "evergreen-metrics-old": "FILL(SEARCH('{Evergreen,model} "
        "MetricName=\"OldestRawObject\"', 'SampleCount', 3600), 0)",
        "evergreen-dead-letters": "SEARCH('{AWS/SQS,QueueName} "
        'MetricName="ApproximateNumberOfMessagesVisible" evergreen dead letters\', '
        "'Maximum', 300)",
        "evergreen-retraining-failed": "SEARCH('{AWS/States,StateMachineArn} "
        "MetricName=\"ExecutionsFailed\" evergreen train evaluate promote', 'Sum', 300)",
    }
    missing = rules["evergreen-drift-check-missing"]["data"]
    assert missing[0]["relativeTimeRange"] == {"from": 26 * 3600, "to": 0}
    old = rules["evergreen-metrics-old"]["data"][0]["relativeTimeRange"]
    assert old == {"from": 4 * 3600, "to": 0}
    assert missing[1]["model"]["reducer"] == "sum"
    assert missing[2]["model"]["conditions"][0]["evaluator"] == {"params": [1], "type": "lt"}


def test_only_cloudwatch_shows_what_aws_services_count_each_against_its_limit() -> None:
    def titles(source: str) -> dict[str, Any]:
        board = json.loads(FILES[f"dashboards/{source}/overview.json"])
        return {panel["title"]: panel for panel in board["panels"]}

    added = titles("cloudwatch").keys() - titles("prometheus").keys()
    assert added == {"AWS's own services", *(panel.title for panel in SERVICE_PANELS)}
    for panel in SERVICE_PANELS:
        shown = titles("cloudwatch")[panel.title]
        assert panel.limit.metric in shown["targets"][0]["expression"]
        steps = shown["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[-1] == {"color": "red", "value": panel.limit.threshold}
