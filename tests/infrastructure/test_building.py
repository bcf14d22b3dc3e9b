"""Layers and function folders: reproducible, whole or absent, small enough, sufficient."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cdk.constructs.building import assets
from cdk.constructs.building.assets import UNZIPPED_LIMIT, archive, build_once, size_of
from cdk.constructs.building.function_code import build_function
from cdk.constructs.building.layers import build_layer
from evergreen.errors import EvergreenError
from functions.shared import texts
from functions.shared.patterns import FILE, take_patterns

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = {
    "inference": "fastapi, mangum, numpy, onnxruntime, pydantic, msgspec, "
    "aws_lambda_powertools.logging",
    "lake": "pyarrow.parquet, pyarrow.dataset, pyarrow.compute, pyarrow.json, numpy, pydantic, "
    "prometheus_client, pyiceberg.catalog.glue, pyiceberg.io.pyarrow",
}
MAKE_A_TABLE = """
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
catalog = SqlCatalog("test", uri="sqlite:///" + folder + "/lake.db", warehouse="file://" + folder)
catalog.create_namespace("stage")
table = catalog.create_table("stage.numbers", schema=pa.schema([("number", pa.int64())]))
with table.update_schema() as update:
    update.rename_column("number", "count")
found = catalog.load_table("stage.numbers")
print(found.schema().column_names, found.scan("count >= 2").to_arrow().num_rows)
"""
MOST_MODULES = 780
"""What a cold start may import, Python's own modules among them; each takes about 0.4 ms."""
CLIENTS = "s3 glue ssm sts firehose events stepfunctions cloudwatch logs apigateway"


def fill(folder: Path) -> None:
    (folder / "python").mkdir()
    (folder / "python" / "module.py").write_text("VALUE = 1\n")


def test_an_interrupted_build_leaves_nothing_and_the_next_heals(tmp_path: Path) -> None:
    target = tmp_path / "layer-1"

    def interrupted(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(target, interrupted)
    assert [path.name for path in tmp_path.iterdir()] == [".layer-1.lock"]
    assert build_once(target, fill) == target
    assert (target / "python" / "module.py").is_file()


def test_a_build_is_done_once(tmp_path: Path) -> None:
    target = tmp_path / "layer-1"
    build_once(target, fill)
    before = sorted((path, path.stat().st_mtime_ns) for path in target.rglob("*"))
    build_once(target, lambda _: pytest.fail("it was built already"))
    assert before
    assert sorted((path, path.stat().st_mtime_ns) for path in target.rglob("*")) == before


def test_of_two_builders_the_second_waits_for_the_first(tmp_path: Path) -> None:
    target, begun, built = tmp_path / "layer-1", threading.Event(), []

    def slowly(folder: Path) -> None:
        begun.set()
        time.sleep(0.2)
        built.append(folder)
        fill(folder)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(build_once, target, slowly)
        assert begun.wait(timeout=60)
        second = pool.submit(build_once, target, slowly)
        assert (first.result(), second.result()) == (target, target)
    assert len(built) == 1
    assert [path.name for path in target.iterdir()] == ["python"]


def test_the_same_content_gives_the_same_zip(tmp_path: Path) -> None:
    zips = []
    for name in ("first", "second"):
        folder = build_once(tmp_path / name / "layer", fill)
        assets.compile_bytecode(folder, "/opt")
        zips.append(archive(folder).read_bytes())
    assert zips[0] == zips[1]


@pytest.mark.parametrize(
    ("layer", "function", "budget"),
    [("inference", "predict", 150_000_000), ("lake", "compact_logs", UNZIPPED_LIMIT)],
)
def test_a_layer_with_code_and_library_fits_a_function(
    layer: str, function: str, budget: int, models: Path
) -> None:
    parts = [build_layer(layer), build_layer("evergreen"), build_function(function, models)]
    assert sum(map(size_of, parts)) < budget


@pytest.mark.parametrize("layer", ["inference", "lake"])
def test_a_layer_suffices_in_an_interpreter_that_sees_nothing_else(layer: str) -> None:
    paths = [str(build_layer(name) / "python") for name in (layer, "evergreen")]
    program = (
        f"import sys; sys.path[:0] = {json.dumps(paths)}\n"
        f"import {IMPORTS[layer]}, importlib.metadata, boto3, evergreen.storage\n"
        f"for name in {CLIENTS!r}.split():\n"
        "    boto3.client(name, region_name='us-east-1')\n"
        "print(importlib.metadata.version('pydantic'))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_layers_descriptions_of_aws_lead_where_the_whole_of_botocore_does() -> None:
    services = ["s3", "ssm", "firehose", "cloudwatch", "stepfunctions"]
    regions = ["eu-central-1", "cn-north-1"]
    called = {
        "s3": "GetObject PutObject DeleteObject DeleteObjects ListObjectsV2 ListObjectVersions "
        "UploadPart CompleteMultipartUpload",
        "ssm": "GetParameter PutParameter DeleteParameter GetParameterHistory",
        "firehose": "PutRecordBatch",
    }
    program = (
        "import json, boto3\n"
        "def asked(name, region):\n"
        "    keys = {'aws_access_key_id': 'any', 'aws_secret_access_key': 'any'}\n"
        "    client = boto3.client(name, region_name=region, **keys)\n"
        "    names = client.meta.service_model.operation_names\n"
        f"    called = {called}.get(name, ' '.join(names)).split()\n"
        "    models = [client.meta.service_model.operation_model(each) for each in called]\n"
        "    taken = [[sorted(each.input_shape.members), repr(each.http)] for each in models]\n"
        "    return client.meta.endpoint_url, client.meta.partition, taken\n"
        f"found = [asked(name, region) for name in {services} for region in {regions}]\n"
        "print(json.dumps(found))\n"
    )
    path = str(build_layer("inference") / "python")
    shipped = f"import sys; sys.path.insert(0, {path!r})\n{program}"
    found = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for command in (
            [sys.executable, "-I", "-S", "-c", shipped],
            [sys.executable, "-I", "-c", program],
        )
    ]
    assert found[0] == found[1]


def test_the_slimmed_layer_and_the_sql_catalogue_make_and_read_a_table(tmp_path: Path) -> None:
    names = ("lake", "sql-catalog", "evergreen")
    paths = [str(build_layer(name) / "python") for name in names]
    program = f"import sys; sys.path[:0] = {paths!r}; folder = {str(tmp_path)!r}\n{MAKE_A_TABLE}"
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['count'] 0\n"), done.stderr


def test_every_module_of_a_layer_is_compiled_and_trusted() -> None:
    folder = build_layer("evergreen") / "python"
    for source in folder.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01  # hash-based and unchecked, see PEP 552


def test_a_cold_start_imports_few_modules_and_finds_them_in_the_lists(models: Path) -> None:
    paths = [str(build_layer(name) / "python") for name in ("inference", "evergreen")]
    program = (
        f"import sys; sys.path[:0] = {[str(build_function('predict', models)), *paths]}\n"
        "import functions.predict.handler\n"
        "listed = sum(type(each.__loader__).__name__ == '_ListedLoader'"
        " for each in sys.modules.values() if hasattr(each, '__loader__'))\n"
        "print(len(sys.modules), listed)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    told = {"AWS_DEFAULT_REGION": "eu-central-1", "EVERGREEN_MODEL": "flight_delay"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=told)
    imported, listed = map(int, done.stdout.split())
    assert imported < MOST_MODULES
    assert listed > imported / 2  # the others are Python's own, and those written in C


def test_a_functions_folder_holds_its_own_code_and_the_models(models: Path) -> None:
    folder = build_function("predict", models)
    assert (folder / "functions" / "predict" / "handler.py").is_file()
    assert (folder / "models" / "flight_delay" / "model.toml").is_file()
    assert take_patterns(folder / "functions" / "shared" / FILE.name) > 0
    assert (folder / "functions" / "shared" / texts.TEXTS_FILE.name).stat().st_size > 0
    others = {path.name for path in (folder / "functions").iterdir() if path.is_dir()}
    assert others == {"predict", "shared", "__pycache__"}
    with zipfile.ZipFile(archive(folder)) as packed:
        assert "functions/predict/handler.py" in packed.namelist()


@pytest.mark.parametrize(
    ("function", "shared"),
    [
        (
            "predict",
            {
                *("api", "callers", "clients", "cors", "environment", "logs", "metrics"),
                *("cold_start", "modules", "patterns", "security_headers", "snapshots", "texts"),
            },
        ),
        ("set_shadow", {"clients", "deployment_settings", "environment", "logs"}),
    ],
)
def test_of_the_shared_modules_a_function_holds_those_it_imports(
    models: Path, function: str, shared: set[str]
) -> None:
    folder = build_function(function, models) / "functions" / "shared"
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", *shared}


def test_a_function_that_does_not_exist_is_named(models: Path) -> None:
    with pytest.raises(EvergreenError, match=r"no_such.*no handler\.py"):
        build_function("no_such", models)
