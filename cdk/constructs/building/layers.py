"""Lambda layers, built without Docker: one for the library, and one for each lock."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from uv import find_uv_bin

from cdk.architecture import machine_architecture
from cdk.constructs.building.assets import (
    BUILD,
    ROOT,
    archive,
    build_once,
    compile_bytecode,
    fingerprint,
)
from cdk.constructs.building.botocore_data import cut_botocore

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

    from cdk.architecture import Architecture

PYTHON = "3.13"
LIBRARY = "evergreen"
"""The layer that holds the library; every other layer is built from the lock of its name."""

_AT_RUN_TIME = "/opt/python"
# Amazon Linux 2023 has glibc 2.34. With the usual manylinux2014, uv would pick old wheels silently.
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_34", "arm64": "aarch64-manylinux_2_34"}

# Our functions do not open these files at run time. `include` and Cython sources only serve to
# compile extensions. The Arrow libraries are for Flight and S3, and ours reads S3 through boto3.
_UNUSED_FOLDERS = ("tests", "include", "_pyarrow_cpp_tests")
_UNUSED_SUFFIXES = (".pyi", ".pyx", ".pxd", ".pxi", ".h", ".hpp", ".a", ".lib", ".so.map")
_UNUSED_ARROW = (
    "libarrow_flight*",
    "libarrow_python_flight*",
    "_flight.*",
    "libarrow_s3.*",
    "_s3fs.*",
)
# ONNX Runtime needs its tools, and protobuf for them, only to change models. NumPy needs f2py to
# build extensions from Fortran. Of Powertools our functions use the logger. PyIceberg needs the
# others for its command line, its Hive catalogue and the printing of tables.
# FastAPI imports the first version of Pydantic if it is there, to refuse its models.
# zstandard needs its second build only outside CPython.
_UNUSED_PACKAGES = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    "click",
    "fb303",
    "google/protobuf",
    "hive_metastore",
    "markdown_it",
    "mdurl",
    "numpy/f2py",
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "pydantic/v1",
    "pygments",
    "rich",
    "zstandard/_cffi.*",
    "zstandard/backend_cffi.py",
)
# NumPy gives its functions in C their docstrings from these, and reads them at every start. Its
# documentation is built with stand-ins for one of them too.
_NUMPY_DOCS = ("_add_newdocs.py", "_add_newdocs_scalars.py")
_NO_DOCS = '"""Docstrings of what is written in C, which this layer leaves out."""\n'
# Our functions use the logger alone, and Powertools imports these at every start.
_UNUSED_IMPORTS = (
    "from aws_lambda_powertools.metrics import Metrics, single_metric\n",
    "from aws_lambda_powertools.tracing import Tracer\n",
    '    "Metrics",\n',
    '    "single_metric",\n',
    '    "Tracer",\n',
)
# PyIceberg imports this name from pyarrow's S3 library whether or not it uses that.
_S3_STAND_IN = '''"""Stands in for pyarrow's S3 library, which this layer leaves out."""


class S3RetryStrategy:
    """A name that PyIceberg imports."""
'''


def build_layer(name: str, architecture: Architecture | None = None) -> Path:
    """Build the layer ``name`` if its lock or recipe changed, and return its folder.

    Parameters
    ----------
    name
        ``evergreen`` for the library, else the name of a lock: ``inference``, ``lake`` or
        ``sql-catalog``.
    architecture
        Architecture of the wheels; this machine's if not given.

    Returns
    -------
    Path
        A folder that holds ``python/``, as Lambda unpacks it below ``/opt``.
    """
    if name == LIBRARY:
        return _build_library()
    architecture = architecture or machine_architecture()
    lock = ROOT / "requirements" / f"{name}.lock"
    target = BUILD / "layers" / f"{name}-{fingerprint([lock], architecture)}"

    def fill(folder: Path) -> None:
        _install(lock, folder / "python", architecture)
        _strip(folder / "python")
        compile_bytecode(folder / "python", _AT_RUN_TIME)

    return build_once(target, fill)


def layer_version(scope: Construct, name: str, architecture: Architecture) -> lambda_.LayerVersion:
    """Define the layer ``name`` in ``scope``.

    Each stack has its own layer version. A version that is exported to another stack cannot be
    replaced.
    """
    folder = build_layer(name, architecture)
    return lambda_.LayerVersion(
        scope,
        f"{name.capitalize()}Layer",
        code=lambda_.Code.from_asset(str(archive(folder)), asset_hash=folder.name),
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        description=f"Evergreen: {name}",
    )


def _build_library() -> Path:
    source = ROOT / "layers" / LIBRARY / "python"
    files = [file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"]

    def fill(folder: Path) -> None:
        shutil.copytree(
            source, folder / "python", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        compile_bytecode(folder / "python", _AT_RUN_TIME)

    return build_once(BUILD / "layers" / f"{LIBRARY}-{fingerprint(files)}", fill)


def _install(lock: Path, target: Path, architecture: Architecture) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--target", str(target)]
    # Copies instead of hard links, because stripping a file must not change uv's cache.
    source = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    wheels = ["--python-platform", _PLATFORMS[architecture], "--python-version", PYTHON]
    subprocess.run([*command, *source, *wheels, "--requirement", str(lock)], check=True)  # noqa: S603 - our own command


def _strip(target: Path) -> None:
    """Remove files not opened at run time; package metadata stays, because importlib reads it."""
    everything = list(target.rglob("*"))
    folders = [path for path in everything if path.is_dir() and path.name in _UNUSED_FOLDERS]
    for folder in (target / "bin", target / "lib", *folders):
        shutil.rmtree(folder, ignore_errors=True)
    files = [path for path in everything if path.suffix in _UNUSED_SUFFIXES]
    arrow = [path for name in _UNUSED_ARROW for path in (target / "pyarrow").glob(name)]
    packages = [path for name in _UNUSED_PACKAGES for path in target.glob(name)]
    # RECORD lists the installed files in the order of this run. In a layer nothing reads it.
    for path in (*files, *arrow, *packages, *target.glob("*.dist-info/RECORD")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    cut_botocore(target)
    for name in _NUMPY_DOCS:
        if (docs := target / "numpy" / "_core" / name).exists():
            docs.write_text(_NO_DOCS, encoding="utf-8")
    if (package := target / "aws_lambda_powertools" / "__init__.py").exists():
        text = package.read_text(encoding="utf-8")
        for line in _UNUSED_IMPORTS:
            text = text.replace(line, "")
        package.write_text(text, encoding="utf-8")
    if (target / "pyiceberg").exists():
        (target / "pyarrow" / "_s3fs.py").write_text(_S3_STAND_IN, encoding="utf-8")
