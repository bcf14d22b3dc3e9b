"""What `evergreen serve` serves: a bundle, and the variables that the server reads."""

from __future__ import annotations

import json
import os
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

from cdk.naming import camel_case
from cli.shared.cdk_context import read_trusted_types
from cli.shared.examples import MODELS
from evergreen.bundle.store import MANIFEST, bundle_key, stored_bundle
from evergreen.errors import BundleError, NoProductionModelError
from evergreen.production import Production, ProductionPointer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cli.shared.target import Target

SERVED = MODELS.parent / ".evergreen" / "served"
"""Bundles that were copied from a deployment, and the logs of what they answered."""


def folder_variables(model: str, bundle: Path, log: Path) -> dict[str, str]:
    """Return the variables with which the server serves a folder and logs to another."""
    return _common(model) | {
        "EVERGREEN_BUNDLE": str(bundle.resolve()),
        "EVERGREEN_LOG_FOLDER": str(log.resolve()),
    }


def deployment_variables(target: Target, model: str) -> dict[str, str]:
    """Return the variables with which the server does what the model's function does."""
    name = camel_case(model)
    return {
        **target.environment,
        **_common(model),
        "EVERGREEN_STAGE": target.stage,
        "EVERGREEN_BUCKET": target.output("BucketName"),
        "EVERGREEN_REQUEST_STREAM": target.output(f"RequestStreamName{name}"),
        "EVERGREEN_LABEL_STREAM": target.output(f"LabelStreamName{name}"),
    }


def copy_bundle(target: Target, model: str, version: str | None, folder: Path) -> Path:
    """Copy a version's bundle from a deployment, and return the folder that has it.

    Parameters
    ----------
    version
        None for the version in production.
    folder
        The copy is in a folder of it, called like the version.

    Raises
    ------
    NoProductionModelError
        If no version is asked for and none is in production.
    BundleError
        If the deployment has no such version, or if it was altered.
    """
    storage = target.storage
    version = version or _in_production(target, model).version
    uri, _ = stored_bundle(storage, model, version)
    copied = folder / version
    copied.mkdir(parents=True, exist_ok=True)
    key = bundle_key(model, version)
    manifest = json.loads(storage.get(key + MANIFEST) or b"{}")
    for name in (*manifest.get("files", ()), MANIFEST):  # the manifest last: it says all is there
        body = storage.get(key + name)
        if body is None:
            raise BundleError("file not found", where=uri + name)
        (copied / name).write_bytes(body)
    return copied


def serve_here(variables: Mapping[str, str], port: int, said: Callable[[str, str], None]) -> None:
    """Serve on the loopback address until Ctrl-C.

    Parameters
    ----------
    variables
        As :func:`folder_variables` or :func:`deployment_variables` returns them.
    said
        Called with the address and the version, once it serves.

    Raises
    ------
    EvergreenError
        If the model does not load, or the port is taken.
    """
    os.environ.pop("EVERGREEN_BUNDLE", None)
    os.environ.update(variables)
    # What a function logs as lines of JSON: here it is read by a person.
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "ERROR")
    from functions.predict.service import service
    from functions.serve.running import listen, run_server
    from functions.serve.settings import LOOPBACK, ServerSettings

    environment = ServerSettings.read().model_copy(update={"host": LOOPBACK, "port": port})
    service().pointers.read(variables["EVERGREEN_MODEL"])  # its error has the fix
    champion = service().server.champion()
    listening = listen(LOOPBACK, port)
    said(f"http://{LOOPBACK}:{listening.getsockname()[1]}", champion.pointer.version)
    run_server(environment, listening)


def _in_production(target: Target, model: str) -> ProductionPointer:
    pointer = Production(target.stage, target.client("ssm")).read(model)
    if pointer is None:
        raise NoProductionModelError(
            f"no version of {model!r} is in production yet",
            fix="Train one and promote it, or serve a folder with --bundle.",
        )
    return pointer


def _common(model: str) -> dict[str, str]:
    return {
        "EVERGREEN_MODEL": model,
        "EVERGREEN_MODELS": str(MODELS),
        "EVERGREEN_VERSION": installed_version("evergreen-mlops"),
        "EVERGREEN_TRUSTED_TYPES": " ".join(sorted(read_trusted_types())),
    }
