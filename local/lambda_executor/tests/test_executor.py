"""What a function sees and what its callers get, through LocalStack's own API."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.lambda_executor.tests.harness import (
    ACT,
    Deploy,
    Emulator,
    is_running,
    namespaces_work,
    wait_for,
    zipped,
)

if TYPE_CHECKING:
    from pathlib import Path

LOOK = """
import os

def handle(event, context):
    return {"environment": dict(os.environ), "folder": os.getcwd()}
"""


def test_answers_with_what_the_handler_returned(deploy: Deploy) -> None:
    function = deploy(
        "def handle(event, context):\n"
        "    return [event, context.function_name, context.function_version,\n"
        "            context.invoked_function_arn, context.get_remaining_time_in_millis()]\n",
        Timeout=9,
    )

    event, name, version, arn, remaining = function.invoke({"å": [1, None, "…"]}).value

    assert event == {"å": [1, None, "…"]}
    assert (name, version) == (function.name, "$LATEST")
    assert arn.endswith(f":function:{function.name}")
    assert 0 < remaining <= 9000


def test_a_function_sees_only_documented_variables_and_its_own(
    deploy: Deploy, emulator: Emulator
) -> None:
    seen = deploy(
        LOOK,
        Environment={"Variables": {"VALUE": "own", "LAMBDA_TASK_ROOT_": "own", "TZ": "own"}},
        MemorySize=256,
    ).invoke()
    variables = seen.value["environment"]

    assert "DEVELOPERS_OWN" not in variables
    assert not [name for name in variables if name.startswith(("LOCALSTACK", "EVERGREEN"))]
    assert variables["VALUE"] == "own"
    assert variables["AWS_ENDPOINT_URL"] == emulator.url
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["_HANDLER"] == "handler.handle"
    assert variables["LAMBDA_TASK_ROOT"] == seen.value["folder"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(variables)
    unexpected = {name for name in variables if not name.startswith(("AWS_", "_"))} - {
        *("VALUE", "LAMBDA_TASK_ROOT_", "TZ"),
        *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH"),
        *("LANG", "LC_CTYPE", "HOME", "TMPDIR"),
    }
    assert not unexpected


def test_the_plain_runtime_holds_nothing_but_the_runtime(deploy: Deploy) -> None:
    function = deploy(
        "import importlib.metadata\n"
        "def handle(event, context):\n"
        "    return sorted(d.name for d in importlib.metadata.distributions())\n"
    )

    assert function.invoke().value == ["awslambdaric", "simplejson", "snapshot-restore-py"]


def test_code_comes_before_layers_and_a_later_layer_before_an_earlier(
    deploy: Deploy, emulator: Emulator
) -> None:
    client = emulator.client("lambda")
    layers = [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})[
            "LayerVersionArn"
        ]
        for name, files in {
            "early": {
                "python/both.py": "FROM = 'early'",
                "python/early.py": "",
                "python/code.py": "FROM = 'layer'",
                "data.txt": "read me",
            },
            "late": {"python/both.py": "FROM = 'late'", "python/late.py": ""},
        }.items()
    ]
    function = deploy(
        "import both, code, early, late, os\n"
        "from pathlib import Path\n"
        "task = Path(os.environ['LAMBDA_TASK_ROOT'])\n"
        "def handle(event, context):\n"
        "    return [both.FROM, code.FROM, (task / 'models/own.toml').read_text(),\n"
        "            (Path(early.__file__).parents[1] / 'data.txt').read_text()]\n",
        files={"code.py": "FROM = 'code'", "models/own.toml": "mine"},
        Layers=layers,
    )

    assert function.invoke().value == ["late", "code", "mine", "read me"]


def test_temporary_files_are_private_and_code_is_read_only(deploy: Deploy, tmp_path: Path) -> None:
    source = (
        "import os, tempfile\n"
        "from pathlib import Path\n"
        "def handle(event, context):\n"
        "    folder = Path(tempfile.gettempdir())\n"
        "    before = sorted(p.name for p in folder.glob('*.mark'))\n"
        "    (folder / 'a.mark').write_text('x')\n"
        "    places = (os.environ['LAMBDA_TASK_ROOT'], '/opt', '/usr', '/etc', '/')\n"
        "    writable = [place for place in places if os.access(place, os.W_OK)]\n"
        "    return [before, writable, str(folder), os.path.exists(event)]\n"
    )
    first, second = deploy(source), deploy(source)

    before, writable, folder, sees_repository = first.invoke(__file__).value

    assert before == []
    assert first.invoke("").value[0] == ["a.mark"]
    assert second.invoke("").value[0] == []
    if namespaces_work(tmp_path):
        assert writable == []
        assert folder == "/tmp"
        assert not sees_repository


def test_an_exception_keeps_its_type_message_and_trace(deploy: Deploy) -> None:
    answer = deploy(ACT).invoke({"fail": "no such flight"})

    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "LookupError"
    assert answer.value["errorMessage"] == "no such flight"
    assert [line for line in answer.value["stackTrace"] if "in fail\n" in line]
    assert "[ERROR] LookupError: no such flight" in answer.log


def test_an_import_error_is_an_answer_and_the_next_call_starts_anew(
    deploy: Deploy,
) -> None:
    function = deploy(
        "import os, tempfile\n"
        "from pathlib import Path\n"
        "mark = Path(tempfile.gettempdir(), 'second')\n"
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    import no_such_module\n"
        "def handle(event, context):\n"
        "    return 'works'\n"
    )

    first, second = function.invoke(), function.invoke()

    assert first.error == "Unhandled"
    assert first.value["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'no_such_module'" in first.value["errorMessage"]
    assert "Runtime.ImportModuleError" in first.log
    assert "REPORT RequestId: " in first.log
    assert (second.error, second.value) == (None, "works")


def test_a_timeout_kills_the_process_and_the_next_call_works(deploy: Deploy) -> None:
    function = deploy(ACT, Timeout=1)
    pid = function.invoke({}).value["pid"]

    late = function.invoke({"sleep": 30})

    assert late.error == "Unhandled"
    assert late.value["errorType"] == "Sandbox.Timedout"
    assert late.value["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "Status: timeout" in late.log
    assert not is_running(pid)
    assert function.invoke({}).value["pid"] != pid


def test_an_exit_is_an_answer_and_the_next_call_works(deploy: Deploy) -> None:
    function = deploy(ACT)

    failed = function.invoke({"exit": 3})

    assert failed.error == "Unhandled"
    assert failed.value["errorType"] == "Runtime.ExitError"
    assert failed.value["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert function.invoke({}).error is None


def test_memory_above_the_functions_size_is_killed(deploy: Deploy) -> None:
    function = deploy(ACT, MemorySize=192)

    fits, too_much = function.invoke({"allocate_mb": 100}), function.invoke({"allocate_mb": 400})

    assert fits.error is None
    (used,) = map(int, re.findall(r"Memory Size: 192 MB\tMax Memory Used: (\d+) MB", fits.log))
    assert 100 <= used < 192
    assert too_much.value["errorType"] == "Runtime.ExitError"
    assert too_much.value["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Max Memory Used: 192 MB" in too_much.log
    assert function.invoke({}).error is None


def test_an_answer_above_lambdas_limit_is_refused(deploy: Deploy) -> None:
    function = deploy(ACT, MemorySize=256)

    assert len(function.invoke({"answer_mb": 5}).value) == 5 * 1024 * 1024
    refused = function.invoke({"answer_mb": 7})
    assert refused.error == "Unhandled"
    assert refused.value["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_log_group_gets_each_invocation_from_start_to_report(
    deploy: Deploy, emulator: Emulator
) -> None:
    function = deploy(ACT)
    function.invoke({"call": 1})
    function.invoke({"call": 2})
    logs = emulator.client("logs")

    def complete() -> list[str] | None:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
        lines = [event["message"].rstrip("\n") for event in found]
        return lines if len([line for line in lines if "REPORT" in line]) == 2 else None

    def logged() -> list[str] | None:
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function.name}")
        return complete() if groups["logGroups"] else None

    lines = wait_for(logged, "two reports in the log group") or []

    assert [re.sub(r" RequestId: .*", "", line) for line in lines] == [
        *("importing", "START", "got {'call': 1}", "END", "REPORT"),
        *("START", "got {'call': 2}", "END", "REPORT"),
    ]
    reports = [line for line in lines if line.startswith("REPORT")]
    assert ["Init Duration" in line for line in reports] == [True, False]


EMF = """
import json, time
def handle(event, context):
    head = {"Timestamp": event, "CloudWatchMetrics": [{
        "Namespace": "Shop", "Dimensions": [["shop"], ["shop", "kind"]],
        "Metrics": [{"Name": "Seconds", "Unit": "Seconds"}, {"Name": "Orders"}]}]}
    print(json.dumps({"_aws": head, "shop": "a", "kind": "b", "Seconds": [1, 2.5, 1], "Orders": 3}))
"""


def test_metrics_in_the_log_are_in_cloudwatch_within_a_second(
    deploy: Deploy, emulator: Emulator
) -> None:
    function = deploy(EMF)
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    assert '"Namespace": "Shop"' in function.invoke(int(moment.timestamp() * 1000)).log
    for _ in range(3):
        function.invoke(int(moment.timestamp() * 1000))
    time.sleep(1)

    def statistics(metric: str, **dimensions: str) -> dict[str, Any]:
        (point,) = emulator.client("cloudwatch").get_metric_statistics(
            Namespace="Shop",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=moment,
            EndTime=moment + timedelta(seconds=60),
            Period=60,
            Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
        )["Datapoints"]
        return dict(point)

    seconds = statistics("Seconds", shop="a", kind="b")
    assert seconds["Timestamp"] == moment
    assert seconds["Unit"] == "Seconds"
    assert [seconds[each] for each in ("Sum", "SampleCount", "Minimum", "Maximum")] == [
        18,
        12,
        1,
        2.5,
    ]
    orders = statistics("Orders", shop="a", kind="b")
    assert (orders["Sum"], orders["SampleCount"], orders["Unit"]) == (12, 4, "None")


def test_parallel_calls_share_few_processes_and_none_fails(deploy: Deploy) -> None:
    function = deploy(ACT)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: function.invoke({"n": number}), range(240)))

    assert [answer.error for answer in answers] == [None] * 240
    assert [answer.value["event"]["n"] for answer in answers] == list(range(240))
    assert [f"got {{'n': {n}}}" in answer.log for n, answer in enumerate(answers)] == [True] * 240
    assert len({answer.value["pid"] for answer in answers}) <= 8


def test_a_new_configuration_replaces_processes_without_breaking_a_call(deploy: Deploy) -> None:
    function = deploy(ACT, Environment={"Variables": {"VALUE": "old"}})
    old = function.invoke({}).value

    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(function.invoke, {"sleep": 3})
        function.update(Environment={"Variables": {"VALUE": "new"}})
        new = function.invoke({}).value

    assert (old["value"], new["value"]) == ("old", "new")
    assert under_way.result().error is None
    wait_for(lambda: not is_running(old["pid"]), "the end of the old process")
    assert is_running(new["pid"])


def test_a_published_version_stays_what_it_was(deploy: Deploy) -> None:
    function = deploy(ACT, Environment={"Variables": {"VALUE": "one"}})
    client = function.client
    version = client.publish_version(FunctionName=function.name)["Version"]
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    wait_for(
        lambda: (
            client.get_function_configuration(FunctionName=function.name, Qualifier=version)[
                "State"
            ]
            == "Active"
        ),
        "the version",
    )
    function.update(Environment={"Variables": {"VALUE": "two"}})

    assert function.invoke({}).value["value"] == "two"
    assert function.invoke({}, Qualifier=version).value["value"] == "one"
    live = function.invoke({}, Qualifier="live")
    assert live.value["value"] == "one"
    assert f"Version: {version}" in live.log


def test_an_asynchronous_call_runs_later(deploy: Deploy, emulator: Emulator) -> None:
    function = deploy(ACT)
    function.invoke({"kind": "event"}, InvocationType="Event")
    logs = emulator.client("logs")

    def arrived() -> bool:
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function.name}")
        if not groups["logGroups"]:
            return False
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
        return any("got {'kind': 'event'}" in event["message"] for event in events)

    assert wait_for(arrived, "the event in the log")


def test_an_image_function_runs_with_the_interpreter_of_its_image(deploy: Deploy) -> None:
    source = "import only_in_image\ndef handle(event, context): return only_in_image.ANSWER\n"

    image = deploy(source, Environment={"Variables": {"EVERGREEN_IMAGE": "special"}})
    plain = deploy(source)

    assert image.invoke().value == 42
    assert plain.invoke().value["errorType"] == "Runtime.ImportModuleError"


def test_an_unknown_image_fails_to_deploy_with_the_reason(
    deploy: Deploy,
) -> None:
    unknown = deploy(ACT, Environment={"Variables": {"EVERGREEN_IMAGE": "unknown"}}).settle()
    outside = deploy(ACT, Environment={"Variables": {"EVERGREEN_IMAGE": "../images"}}).settle()

    assert unknown["State"] == "Failed"
    assert "unknown/bin/python cannot run functions" in unknown["StateReason"]
    assert "must be the name of an image" in outside["StateReason"]


def test_s3_bodies_stay_in_the_instances_folder(deploy: Deploy, emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(
        Bucket="evergreen-bodies",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    s3.put_object(Bucket="evergreen-bodies", Key="a", Body=b"x" * 2_000_000)

    assert [path for path in emulator.folder.rglob("evergreen-bodies") if path.is_dir()]
