"""Serialisation by skops: the estimator as it is, and the file of its own classes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import skops.io

from evergreen.bundle.sklearn_engine import OWN_MODULE, types_to_trust
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.base import BaseEstimator

    from evergreen.bundle.words import WordRule


@dataclass(frozen=True, slots=True)
class Serialised:
    """An estimator as bytes, and what it needs.

    Parameters
    ----------
    model
        The estimator.
    code
        The file of its own classes, if it has any.
    types
        The types that must be trusted.
    words
        How texts are taken apart before it, by feature.
    """

    model: bytes
    code: bytes | None
    types: frozenset[str]
    words: Mapping[str, WordRule] = MappingProxyType({})


def to_skops(estimator: BaseEstimator, where: str) -> Serialised:
    """Serialise a fitted estimator without a pickle.

    Its own classes and functions have to be in the ``training.py`` that was loaded by
    :func:`evergreen.training.trainer.load_trainer`, or in packages.

    Raises
    ------
    BundleError
        If skops cannot keep it: a lambda, a function inside a function, or an object of a library
        that it does not know.
    """
    try:
        model = skops.io.dumps(estimator)
    except Exception as error:  # whatever skops raises about parts that it cannot keep
        raise BundleError(
            f"{type(estimator).__name__} cannot be kept without a pickle: {error}",
            where=where,
            fix="Use named functions and classes at the top level of training.py, no lambda.",
        ) from error
    types = types_to_trust(model, where)
    own = {name.partition(".")[0] for name in types if name.startswith(OWN_MODULE)}
    if len(own) > 1:
        raise BundleError(f"it has parts of several models: {sorted(own)}", where=where)
    code = None
    if own:
        file = getattr(sys.modules.get(next(iter(own))), "__file__", None)
        if file is None:
            raise BundleError("the file of its own classes is not known", where=where)
        code = Path(file).read_bytes()
    return Serialised(model, code, types)
