"""The parameters of Parameter Store: written to the journal before it answers, and found again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.ssm import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from evergreen_kept_state.journal import Journal


def keep_parameters(journal: Journal, is_kept: Callable[[str], bool]) -> None:
    """Put the kept parameters back, and keep those whose name is kept from now on."""
    for account, region, name, versions in journal.parameters():
        backend = models.ssm_backends[account][region]
        backend._parameters[name] = [_decode(each) for each in json.loads(versions)]

    def save(backend: Any, names: Iterable[str]) -> None:
        for name in filter(is_kept, names):
            known = dict.get(backend._parameters, name)
            encoded = json.dumps([vars(each) for each in known]) if known else None
            journal.save_parameter(backend.account_id, backend.region_name, name, encoded)

    backends = models.SimpleSystemManagerBackend
    put, delete, delete_all = (
        backends.put_parameter,
        backends.delete_parameter,
        backends.delete_parameters,
    )

    def put_parameter(self: Any, name: str, *args: Any, **options: Any) -> Any:
        answer = put(self, name, *args, **options)
        save(self, [name])
        return answer

    def delete_parameter(self: Any, name: str) -> Any:
        answer = delete(self, name)
        save(self, [name])
        return answer

    def delete_parameters(self: Any, names: list[str]) -> Any:
        answer = delete_all(self, names)
        save(self, names)
        return answer

    backends.put_parameter = put_parameter  # type: ignore[method-assign]
    backends.delete_parameter = delete_parameter  # type: ignore[method-assign]
    backends.delete_parameters = delete_parameters  # type: ignore[method-assign]


def _decode(known: dict[str, Any]) -> Any:
    made = models.Parameter.__new__(models.Parameter)
    vars(made).update(known)
    return made
