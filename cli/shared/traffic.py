"""A client of the deployed API, and rows in a form that it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import httpx

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import pandas as pd

    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition

TIMEOUT_SECONDS = 60.0
_ROW = re.compile(r"\[(\d+)\]")


class ApiError(EvergreenError):
    """The API returned an error or did not answer.

    Parameters
    ----------
    what, where
        As in every error.
    status
        The HTTP status, or None without an answer.
    faults
        Each wrong field with its path and what is wrong with it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str,
        status: int | None = None,
        faults: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(what, where=where)
        self.status = status
        self.faults = faults

    @property
    def faulty_rows(self) -> dict[int, str]:
        """The rows of the request that have a fault, by number from 0, and the first fault of each.

        Empty if a fault is not one of a row.
        """
        rows: dict[int, str] = {}
        for path, message in self.faults:
            number = _ROW.search(path)
            if number is None:
                return {}
            field = path[number.end() :].removeprefix(".")
            rows.setdefault(int(number[1]), f"{field}: {message}" if field else message)
        return rows


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
    ground_truth_key
        The API key for ground truth, if it is another one.
    transport
        What carries the requests; the network unless given.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        auth: httpx.Auth | None = None,
        ground_truth_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._ground_truth_key = ground_truth_key or key
        self._client = httpx.Client(
            base_url=base_url,
            headers={"x-api-key": key},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            auth=auth,
            transport=transport,
        )

    @classmethod
    def of(cls, target: Target) -> Self:
        """Return a client of the target's API."""
        return cls(target.api_url, target.api_key, target.api_auth, target.ground_truth_key)

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
        headers = {"x-api-key": self._ground_truth_key}
        self._call("POST", f"/models/{model}/ground-truth", labels, headers)

    def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - any JSON value
        try:
            response = self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ApiError(f"no answer: {error}", where=f"{method} {path}") from error
        if response.is_error:
            text, faults = _problem(response)
            raise ApiError(
                f"status {response.status_code}: {text}",
                where=f"{method} {path}",
                status=response.status_code,
                faults=faults,
            )
        return response.json()


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


def _problem(response: httpx.Response) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what the API says is wrong, as a sentence, and the faults in it."""
    try:
        problem = response.json()
        faults = tuple((each["path"], each["message"]) for each in problem.get("errors", []))
        parts = [problem.get("detail") or problem.get("title") or problem.get("message")]
        parts += [f"{path}: {message}" for path, message in faults]
        return "; ".join(part for part in parts if part), faults
    except (ValueError, AttributeError, KeyError, TypeError):
        return response.text[:500], ()
