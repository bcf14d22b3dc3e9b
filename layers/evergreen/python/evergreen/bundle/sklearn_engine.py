"""Scikit-learn as the engine of a bundle, for estimators that ONNX cannot hold.

The estimator is kept by skops, which names each type in the file before anything is loaded. Three
kinds may be loaded: those that skops trusts, those of :data:`TRUSTED_TYPES`, and those that the
deployment's ``cdk.json`` trusts by name. Classes and functions of ``training.py`` are of the third
kind. Their code is in the bundle, whose hash the production pointer has, and it runs only if the
deployment trusts one of its names. No pickle is read.
"""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import skops.io

from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns

OWN_MODULE = "evergreen_model_"
"""Begins the name of the module that a model's ``training.py`` is loaded as; its folder's ends it.
"""
_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "collections": ("OrderedDict",),
        "numpy": ("dtype",),
        "scipy.interpolate._bsplines": (
            "BSpline",
            "_BSpline",
        ),
        "sklearn._loss.loss": (
            "HalfGammaLoss",
            "HalfPoissonLoss",
            "HalfSquaredError",
            "HalfTweedieLoss",
            "HalfTweedieLossIdentity",
        ),
        "sklearn.calibration": (
            "_CalibratedClassifier",
            "_SigmoidCalibration",
        ),
        "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
        "sklearn.feature_selection._univariate_selection": (
            "f_classif",
            "f_regression",
            "chi2",
        ),
        "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
        "sklearn.gaussian_process.kernels": (
            "CompoundKernel",
            "ConstantKernel",
            "DotProduct",
            "ExpSineSquared",
            "Exponentiation",
            "Matern",
            "PairwiseKernel",
            "Product",
            "RBF",
            "RationalQuadratic",
            "Sum",
            "WhiteKernel",
        ),
        "sklearn.metrics._dist_metrics": (
            "ChebyshevDistance64",
            "EuclideanDistance64",
            "ManhattanDistance64",
            "MinkowskiDistance64",
        ),
        "sklearn.model_selection._split": (
            "KFold",
            "StratifiedKFold",
            "TimeSeriesSplit",
        ),
        "sklearn.neighbors._ball_tree": ("BallTree",),
        "sklearn.neighbors._kd_tree": ("KDTree",),
        "sklearn.neural_network._stochastic_optimizers": (
            "AdamOptimizer",
            "SGDOptimizer",
        ),
        "sklearn.tree._tree": ("Tree",),
        "sklearn.utils._bunch": ("Bunch",),
        "sklearn.utils._metadata_requests": (
            "MetadataRequest",
            "MethodMetadataRequest",
        ),
        "catboost.core": (
            "CatBoostClassifier",
            "CatBoostRegressor",
        ),
        "imblearn.over_sampling._random_over_sampler": ("RandomOverSampler",),
        "imblearn.over_sampling._smote.base": (
            "SMOTE",
            "SMOTENC",
            "SMOTEN",
        ),
        "imblearn.under_sampling._prototype_selection._random_under_sampler": (
            "RandomUnderSampler",
        ),
        "imblearn.pipeline": ("Pipeline",),
        "lightgbm.basic": ("Booster",),
        "lightgbm.sklearn": (
            "LGBMClassifier",
            "LGBMRegressor",
        ),
        "xgboost.core": ("Booster",),
        "xgboost.sklearn": (
            "XGBClassifier",
            "XGBRegressor",
        ),
    }
)
TRUSTED_TYPES = frozenset(f"{module}.{name}" for module, names in _PARTS.items() for name in names)
"""Types that are loaded beyond those that skops trusts: estimators of other
libraries, and parts of estimators that hold data or compute with it."""

_importing = threading.Lock()


class SklearnEngine:
    """An estimator.

    Raises
    ------
    BundleError
        If the bundle has a type that the deployment does not trust, or skops cannot load it.
    """

    name = "scikit-learn"

    def __init__(self, bundle: Bundle) -> None:
        require_trusted_types(bundle, bundle.trusted, bundle.version)
        types = types_to_trust(bundle.model, bundle.version)
        try:
            with _own_code(bundle.code, types):
                self._estimator: Any = skops.io.loads(
                    bundle.model, trusted=[*types, *TRUSTED_TYPES]
                )
        except Exception as error:  # whatever skops or the user's file raises
            raise BundleError(
                f"scikit-learn cannot load it: {type(error).__name__}: {error}",
                where=bundle.version,
            ) from error

    def both(self, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the labels, as text or 0 and 1, and the probabilities, shape (rows, classes)."""
        return self.outputs(columns), self.probabilities(columns)

    def outputs(self, columns: Columns) -> NDArray[Any]:
        """Return the labels, as text or 0 and 1, or the numbers, of n rows."""
        said = np.asarray(self._asked("predict", columns)).ravel()
        return said.astype(np.int64) if said.dtype.kind == "b" else said

    def probabilities(self, columns: Columns) -> NDArray[Any]:
        """Return the probability of each class, shape (rows, classes)."""
        return np.asarray(self._asked("predict_proba", columns), dtype=np.float64)

    def _asked(self, method: str, columns: Columns) -> Any:  # noqa: ANN401 - scikit-learn's
        with warnings.catch_warnings(action="ignore"):  # about categories that training never saw
            return getattr(self._estimator, method)(to_frame(columns))


def to_frame(columns: Columns) -> pd.DataFrame:
    """Return columns as estimators take them: numbers as float32, categories as object."""
    return pd.DataFrame(
        {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
    )


def types_to_trust(model: bytes, where: str) -> frozenset[str]:
    """Return the types in a file of skops that a deployment has to trust by name.

    Raises
    ------
    BundleError
        If it is not such a file.
    """
    try:
        found = skops.io.get_untrusted_types(data=model)
    except Exception as error:  # whatever skops raises about other bytes
        raise BundleError(f"not a file of skops: {error}", where=where) from error
    return frozenset(found) - TRUSTED_TYPES


def require_trusted_types(bundle: Bundle, trusted: frozenset[str], where: str) -> None:
    """Check that a deployment trusts all types of a bundle; ONNX has none.

    Raises
    ------
    BundleError
        If it does not; the message has what to write.
    """
    if bundle.signature.serving == "onnx":
        return
    if missing := sorted(types_to_trust(bundle.model, where) - trusted):
        raise BundleError(
            f"this deployment does not trust {', '.join(missing)}",
            where=where,
            fix="If they are yours, or of a package that you know, add their names to "
            "trusted_types in cdk.json, separated by spaces, and deploy.",
        )


@contextmanager
def _own_code(code: bytes | None, types: frozenset[str]) -> Iterator[None]:
    """Make a bundle's ``training.py`` importable while its estimator is loaded.

    Two versions may be loaded in one process, so the module is gone again afterwards; the classes
    keep it.
    """
    names = {name.partition(".")[0] for name in types if name.startswith(OWN_MODULE)}
    if code is None or not names:
        yield
        return
    with _importing:
        before = {name: sys.modules.get(name) for name in names}
        for name in names:
            module = sys.modules[name] = ModuleType(name)
            exec(compile(code, f"{name}.py", "exec"), module.__dict__)  # noqa: S102 - trusted by name, see above
        try:
            yield
        finally:
            for name, module_before in before.items():
                del sys.modules[name]
                if module_before is not None:
                    sys.modules[name] = module_before
