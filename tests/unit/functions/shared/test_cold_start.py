"""What the start of the prediction function leaves behind, in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import gc, json, sys
from functions.predict.handler import handler
from fastapi.openapi.models import OpenAPI, Schema
from functions.predict.settings import Settings
from pydantic import BaseModel
class Later(BaseModel):
    value: int
absent = ("boto3", "pandas", "sklearn", "uvicorn", "evergreen.serving.from_folder")
print(json.dumps({
    "collects": gc.isenabled(),
    "frozen": gc.get_freeze_count() > 0,
    "built": [each.__pydantic_complete__ for each in (OpenAPI, Schema, Later)],
    "built at use": OpenAPI.model_validate({
        "openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": {"/": {}}
    }).info.title,
    "usable": Settings.model_fields["model"].alias,
    "too early": [name for name in absent if name in sys.modules],
}))
"""


def test_it_builds_no_class_of_others_and_collects_garbage_again() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "collects": True,
        "frozen": True,
        "built": [False, False, True],
        "built at use": "a",
        "usable": "EVERGREEN_MODEL",
        "too early": [],
    }
