"""What the start of the prediction function leaves behind, in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import gc, json, sys
from functions.predict.handler import handler
from fastapi.openapi.models import OpenAPI
from functions.predict.settings import Settings
from pydantic import BaseModel
class Later(BaseModel):
    value: int
absent = ("boto3", "pandas", "sklearn", "uvicorn", "evergreen.serving.from_folder")
print(json.dumps({
    "collects": gc.isenabled(),
    "frozen": gc.get_freeze_count() > 0,
    "built": [OpenAPI.__pydantic_complete__, Later.__pydantic_complete__],
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
        "built": [False, True],
        "usable": "EVERGREEN_MODEL",
        "too early": [],
    }
