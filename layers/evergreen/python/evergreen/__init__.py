"""Evergreen's library: the thinking behind every station of the loop.

Modules are imported by name (``evergreen.bundle.predictor``), never through this package: what a
function imports decides how long its cold start takes. For notebooks and scripts there is
``evergreen.Deployment``, which is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.deployment.facade import Deployment

__all__ = ["Deployment"]


def __getattr__(name: str) -> type[Deployment]:
    if name != "Deployment":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evergreen.deployment.facade import Deployment  # noqa: PLC0415 - see above

    return Deployment
