"""The LocalStack plugin, found through its entry point: it keeps state from the start on."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from localstack.runtime import hooks

from evergreen_kept_state.journal import Journal

SETTING = "EVERGREEN_KEPT_STATE"
"""The folder for what is kept. Without it LocalStack keeps nothing."""

BUCKETS = "EVERGREEN_KEPT_BUCKETS"
"""A pattern of the buckets whose objects are kept, if they have versions."""

PARAMETERS = "EVERGREEN_KEPT_PARAMETERS"
"""A pattern of the parameters that are kept."""


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def keep_state() -> None:
    """Keep objects and parameters on disk, and put back what an earlier LocalStack kept."""
    folder = os.environ.get(SETTING)
    if not folder:
        return
    # Imported here, because without the setting LocalStack need not load these services.
    from evergreen_kept_state.objects import keep_objects  # noqa: PLC0415
    from evergreen_kept_state.parameters import keep_parameters  # noqa: PLC0415

    journal = Journal(Path(folder))
    keep_objects(journal, partial(_matches, os.environ.get(BUCKETS, "*")))
    keep_parameters(journal, partial(_matches, os.environ.get(PARAMETERS, "*")))


def _matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern)
