"""Import all modules of packages, so that Python keeps what they import compiled.

``python -P import_all.py PACKAGE...`` runs in the environment that is to be warm. A module that
cannot be imported there, for want of a setting or of another environment's package, is passed over:
what it imported before that is compiled.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys


def import_all(package: str) -> None:
    """Import a package and, as far as they can be imported, all modules in it.

    Raises
    ------
    ImportError
        If the package itself cannot be imported.
    """
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
        with contextlib.suppress(Exception):
            importlib.import_module(module.name)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        import_all(each)
