"""The prediction function with a bundle that scikit-learn serves, over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest.mock import patch

import httpx
import numpy as np
import pytest

from evergreen.bundle.sklearn_engine import to_frame
from evergreen.bundle.store import save_bundle
from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.folder_bucket import Folder
from tests.support.forgotten_settings import forget
from tests.support.own_transformers import TRUSTED, exported, folder_of, rows_to_serve
from tests.support.served_over_http import served

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("trusted", "status"), [(" ".join(sorted(TRUSTED)), 200), ("", 503)])
def test_it_answers_as_the_estimator_or_not_at_all(
    tmp_path: Path, trusted: str, status: int
) -> None:
    folder = folder_of(tmp_path)
    estimator, bundle = exported(folder)
    save_bundle(Folder(tmp_path), "fruit", bundle)
    variables = {
        "EVERGREEN_MODEL": "fruit",
        "EVERGREEN_MODELS": str(folder.parent),
        "EVERGREEN_VERSION": "1.2.3",
        "EVERGREEN_BUNDLE": str(tmp_path / "bundles" / "fruit" / "1"),
        "EVERGREEN_LOG_FOLDER": str(tmp_path / "log"),
        "EVERGREEN_TRUSTED_TYPES": trusted,
    }
    rows = rows_to_serve()
    asked = [
        {
            "size": None if np.isnan(rows["size"][row]) else float(rows["size"][row]),
            "days": int(rows["days"][row]),
            "colour": rows["colour"][row],
        }
        for row in range(100)
    ]
    with patch.dict(os.environ, variables):
        forget()
        with served(create_app(ServerSettings.model_validate({}))) as port:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/models/fruit/predict", json={"instances": asked}
            )
    forget()
    assert answer.status_code == status
    if status == 200:
        expected = estimator.predict(to_frame({n: v[:100] for n, v in rows.items()}))
        assert answer.json()["predictions"] == expected.tolist()
