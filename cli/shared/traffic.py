"""Replayed traffic: sends rows to the API in batches, and their ground truth later."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    import pandas as pd

    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition

TIMEOUT_SECONDS = 60.0


class ApiError(EvergreenError):
    """The API returned an error or did not answer."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay: rows and labels sent, and the versions that answered."""

    rows: int
    labels: int
    versions: tuple[str, ...]
    """The model versions that answered, in order of their first answer."""


class Api:
    """A client of the deployed REST API.

    Parameters
    ----------
    base_url
        URL of the API's stage.
    key
        The API key.
    auth
        What signs each request, if the API takes signed requests.
    """

    def __init__(self, base_url: str, key: str, auth: httpx.Auth | None = None) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            headers={"x-api-key": key},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            auth=auth,
        )

    @classmethod
    def of(cls, target: Target) -> Self:
        """Return a client of the target's API."""
        return cls(target.api_url, target.api_key, target.api_auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Get a path of the API."""
        return self._call("GET", path)

    def predict(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for predictions in any of the API's body forms.

        Raises
        ------
        ApiError
            If the API returns an error. The message is the API's.
        """
        answer: dict[str, Any] = self._call("POST", f"/models/{model}/predict", body)
        return answer

    def send_ground_truth(self, model: str, labels: list[dict[str, Any]]) -> None:
        """Send ground truth for rows that were predicted before.

        Raises
        ------
        ApiError
            If the API did not accept it.
        """
        self._call("POST", f"/models/{model}/ground-truth", labels)

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ApiError(f"no answer: {error}", where=f"{method} {path}") from error
        if response.is_error:
            raise ApiError(_problem(response), where=f"{method} {path}")
        return response.json()


def replay(
    api: Api,
    definition: ModelDefinition,
    data: pd.DataFrame,
    *,
    batch_rows: int = 500,
    label_delay: int = 2,
    metadata: Mapping[str, Any] | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Send a data set as live traffic in its order, and the labels after a delay.

    Parameters
    ----------
    data
        One row per prediction: the features, and the label in the target's column.
    batch_rows
        Rows per request.
    label_delay
        The number of further requests after which the labels of a request are sent.
    metadata
        A note for the request log.
    on_rows
        Called after each request with its number of rows.

    Raises
    ------
    ApiError
        If the API refuses a request. Earlier requests are not undone.
    """
    waiting: deque[tuple[str, pd.Series]] = deque()
    versions: dict[str, None] = {}
    rows = labels = 0

    def send_oldest_labels() -> int:
        request_id, ground_truth = waiting.popleft()
        items = [
            {"request_id": request_id, "row": number, "label": label}
            for number, label in enumerate(ground_truth.tolist())
        ]
        api.send_ground_truth(definition.name, items)
        return len(items)

    for first in range(0, len(data), batch_rows):
        batch = data.iloc[first : first + batch_rows]
        body = {"dataframe_split": split_form(definition, batch)}
        answer = api.predict(definition.name, {**body, "metadata": dict(metadata or {})})
        versions[answer["model_version"]] = None
        rows += len(answer["predictions"])
        waiting.append((answer["request_id"], batch[definition.target]))
        on_rows(len(batch))
        if len(waiting) > label_delay:
            labels += send_oldest_labels()
    while waiting:
        labels += send_oldest_labels()
    return Replayed(rows, labels, tuple(versions))


def split_form(definition: ModelDefinition, data: pd.DataFrame) -> dict[str, Any]:
    """Write rows as ``{"columns": […], "data": [[…], …]}``, missing values as null."""
    columns = []
    for name, feature in definition.features.items():
        column = data[name]
        values = column.tolist()
        if column.dtype == "float32":
            # The shortest text of the same 32-bit number: 39.2, not 39.20000076293945.
            values = [float(str(value)) for value in column.to_numpy()]
        missing = column.isna()
        values = [None if gap else value for value, gap in zip(values, missing, strict=True)]
        if feature.type in {"integer", "boolean"}:
            kind = int if feature.type == "integer" else bool
            values = [None if value is None else kind(value) for value in values]
        columns.append(values)
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": list(definition.features), "data": rows}


def _problem(response: httpx.Response) -> str:
    try:
        problem = response.json()
        parts = [problem.get("detail") or problem.get("title") or problem.get("message")]
        parts += [f"{fault['path']}: {fault['message']}" for fault in problem.get("errors", [])]
        text = "; ".join(part for part in parts if part)
    except (ValueError, AttributeError, KeyError, TypeError):
        text = response.text[:500]
    return f"status {response.status_code}: {text}"
