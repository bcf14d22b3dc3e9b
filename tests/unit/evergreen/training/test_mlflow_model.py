"""What MLflow's own clients load answers what the API answers."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import lightgbm
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
import xgboost
from mlflow.models import Model
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.sklearn_engine import to_frame
from evergreen.datasets.schema import to_columns
from evergreen.errors import BundleError
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.training.mlflow_model import own_types, save_mlflow_model
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import to_features, to_target
from tests.support import own_transformers as own

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
ROWS = 400
DEFINITION = ModelDefinition(
    name="fruit",
    task="classification",
    target="ripe",
    features={
        "size": Feature(type="float", nullable=True),
        "days": Feature(type="integer"),
        "washed": Feature(type="boolean"),
        "colour": Feature(type="category", nullable=True),
    },
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows as pandas reads them: 64-bit numbers, and gaps."""
    rng = np.random.default_rng(5)
    size = rng.normal(size=ROWS)
    size[:40] = np.nan
    colour = rng.choice(["green", "red", None], ROWS)
    ripe = np.where(np.nan_to_num(size) + 2 * (colour == "red") > 0.6, "yes", "no")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            "size": size,
            "days": rng.integers(0, 9, ROWS),
            "washed": rng.random(ROWS) < 0.5,
            "colour": colour.astype(object),
            "ripe": ripe,
            "timestamp": [start + timedelta(minutes=number) for number in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def saved(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Predictor]:
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    estimator = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["size", "days", "washed"]),
            (OneHotEncoder(handle_unknown="ignore", dtype="float32"), ["colour"]),
        ),
        LogisticRegression(),
    ).fit(to_features(DEFINITION, rows), to_target(DEFINITION, rows))
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_mlflow_model(estimator, DEFINITION, rows, folder)
    bundle = export_bundle(estimator, DEFINITION, to_columns(DEFINITION, rows), "1")
    return folder, Predictor(bundle)


def test_a_class_of_ones_own_comes_with_its_file(tmp_path: Path) -> None:
    estimator = own.fitted(own.folder_of(tmp_path))
    rows = own.rows_to_serve()
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in rows.items()})
    save_mlflow_model(estimator, own.DEFINITION, table, tmp_path / "model")
    assert (tmp_path / "model" / "code" / "evergreen_model_fruit.py").read_text() == own.TRAINING
    sys.modules.pop("evergreen_model_fruit")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    asked = to_frame(rows).head(50).astype({"size": "float64", "days": "int64"})
    expected = estimator.predict(to_frame({name: v[:50] for name, v in rows.items()}))
    assert list(loaded.predict(asked)) == expected.tolist()


def test_it_answers_what_the_api_answers(
    saved: tuple[Path, Predictor], frame: pd.DataFrame
) -> None:
    folder, predictor = saved
    loaded = mlflow.pyfunc.load_model(str(folder))
    features = frame[[*DEFINITION.features]]
    answered = predictor.predict(to_columns(DEFINITION, pa.Table.from_pandas(frame)))
    assert list(loaded.predict(features)) == list(answered.outputs)
    # A missing category is an empty text for the estimator, which the frame does not have.
    raw = loaded.get_raw_model()
    assert list(raw.predict(features)) != list(answered.outputs)


def test_an_optional_feature_may_have_no_column(
    saved: tuple[Path, Predictor], frame: pd.DataFrame
) -> None:
    loaded = mlflow.pyfunc.load_model(str(saved[0]))
    without = frame[["days", "washed", "colour"]]
    assert list(loaded.predict(without)) == list(loaded.predict(without.assign(size=np.nan)))
    with pytest.raises(mlflow.MlflowException, match="missing inputs"):
        loaded.predict(frame[["size", "washed", "colour"]])


def test_signature_and_example_say_what_it_takes_and_are_nobodys_row(
    saved: tuple[Path, Predictor], frame: pd.DataFrame
) -> None:
    model = Model.load(str(saved[0]))
    assert model.signature is not None
    inputs = {each.name: (each.type.name, each.required) for each in model.signature.inputs.inputs}
    assert inputs == {
        "size": ("double", False),
        "days": ("long", True),
        "washed": ("boolean", True),
        "colour": ("string", False),
    }
    assert [each.type.name for each in model.signature.outputs.inputs] == ["string"]
    example = model.load_input_example(str(saved[0]))
    assert isinstance(example, pd.DataFrame)
    assert example["size"][0] == pytest.approx(frame["size"].median(), abs=1e-6)
    assert not (frame["size"] == example["size"][0]).any()
    assert mlflow.pyfunc.load_model(str(saved[0])).predict(example)[0] in {"yes", "no"}


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(OneHotEncoder(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        MLPClassifier((2,), max_iter=2),
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1),
        xgboost.XGBClassifier(n_estimators=2, n_jobs=1),
    ],
    ids=["one-hot", "search", "network", "lightgbm", "xgboost"],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_whatever_serves_can_be_saved(estimator: Any) -> None:
    rows = np.random.default_rng(0).integers(0, 4, (60, 2))
    estimator.fit(rows, rows[:, 0] > 1)
    again = skops.io.loads(skops.io.dumps(estimator), trusted=own_types(estimator, "fruit"))
    assert (again.predict_proba(rows) == estimator.predict_proba(rows)).all()


def test_what_only_a_pickle_could_keep_is_refused() -> None:
    own = FunctionTransformer(lambda rows: rows * 2)
    with pytest.raises(BundleError, match=r"without a pickle.*named functions"):
        own_types(own, "fruit")
