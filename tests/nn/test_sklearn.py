"""Estimators for scikit-learn: its own checks, pipelines, searches, copies and files."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_diabetes, load_iris  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import nn  # noqa: E402
from nn.sklearn import Classifier, Regressor  # noqa: E402

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
TWO = SPECIES > 0
QUICK = {"learning_rate": 0.02, "epochs": 60, "batch_size": 50, "random_state": 0}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_scikit_learns_own_checks(kind):
    check_estimator(kind((8,), learning_rate=0.1, epochs=20), on_skip=None)


def test_strings_are_classes_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), Classifier(**QUICK))
    assert cross_val_score(pipeline, IRIS, NAMES, cv=3).min() > 0.9
    pipeline.fit(IRIS, NAMES)
    assert set(pipeline.predict(IRIS)) == set(NAMES)
    p = pipeline.predict_proba(IRIS)
    assert p.shape == (150, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_two_classes_have_one_output():
    found = Classifier(**QUICK).fit(IRIS, TWO)
    assert found.model_.predict(IRIS).shape == (150, 1)
    assert found.predict_proba(IRIS).shape == (150, 2)
    assert found.score(IRIS, TWO) > 0.9


@pytest.mark.parametrize("copy", [pickle.dumps, "joblib", clone])
def test_copies(copy, tmp_path):
    made = Classifier((8,), **QUICK).fit(IRIS, NAMES)
    if copy is clone:
        again = clone(made)
        assert again.get_params() == made.get_params()
        again.fit(IRIS, NAMES)
    elif copy == "joblib":
        joblib = pytest.importorskip("joblib")
        joblib.dump(made, tmp_path / "model")
        again = joblib.load(tmp_path / "model")
    else:
        again = pickle.loads(copy(made))
    np.testing.assert_array_equal(again.predict_proba(IRIS), made.predict_proba(IRIS))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_in_two_processes():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Classifier(**QUICK)),
        {"classifier__network": [(4,), (16,)]},
        cv=2,
        n_jobs=2,
    )
    search.fit(IRIS, NAMES)
    assert search.best_score_ > 0.9
    assert search.best_params_["classifier__network"] in [(4,), (16,)]


@pytest.mark.filterwarnings("ignore")
def test_a_search_on_a_cluster():
    """With dask.distributed on this machine; on another it is the address of its scheduler."""
    distributed = pytest.importorskip("distributed")
    joblib = pytest.importorskip("joblib")
    search = GridSearchCV(Classifier((8,), **QUICK), {"learning_rate": [0.01, 0.03]}, cv=2)
    options = {
        "processes": False,
        "n_workers": 1,
        "threads_per_worker": 2,
        "dashboard_address": None,
    }
    with distributed.Client(**options), joblib.parallel_backend("dask"):
        search.fit(IRIS, NAMES)
    assert search.best_score_ > 0.8


def convolution(n_inputs, n_outputs, rng):
    """Return a network of one's own, which must be a function that can be pickled."""
    return nn.Sequential(
        nn.Dense(n_inputs, 12, rng=rng), nn.Tanh(), nn.Dense(12, n_outputs, rng=rng)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"network": convolution},
        {"network": ()},
        {"activation": "sigmoid", "optimizer": "adagrad", "learning_rate": 0.1},
        {"optimizer": lambda: nn.Adam(learning_rate=0.02)},
        {"learning_rate": nn.schedules.cosine(0.03, 200)},
    ],
    ids=["function", "linear", "names", "optimizer", "schedule"],
)
def test_settings(settings):
    assert Classifier(**QUICK | settings).fit(IRIS, NAMES).score(IRIS, NAMES) > 0.85


def test_early_stopping():
    made = Classifier(**QUICK | {"epochs": 500}, early_stopping=True, patience=5)
    made.fit(IRIS, NAMES)
    losses = made.model_.history.epochs["val_loss"]
    assert made.n_iter_ == len(losses) < 500
    assert int(np.argmin(losses)) == len(losses) - 6
    assert made.loss_curve_ == made.model_.history.epochs["loss"]


def test_early_stopping_holds_back_samples_of_each_class(monkeypatch):
    held, train = [], nn.Model.train

    def noted(model, *data, **options):
        held.append((data, options["sample_weight"], options["validation_data"]))
        return train(model, *data, **options)

    monkeypatch.setattr(nn.Model, "train", noted)
    y = np.repeat([0, 1, 2], [100, 30, 20])
    made = Classifier(**QUICK | {"epochs": 2}, early_stopping=True, validation_fraction=0.1)
    made.fit(IRIS, y, sample_weight=1.0 + y)
    ((X, targets), weights, (X_val, targets_val, weights_val)) = held[0]
    assert np.bincount(targets).tolist() == [90, 27, 18]
    assert np.bincount(targets_val).tolist() == [10, 3, 2]
    np.testing.assert_allclose(weights / weights[0], 1.0 + targets)
    np.testing.assert_allclose(weights_val / weights[0], 1.0 + targets_val)
    rows = np.sort(np.concatenate([X, X_val]), axis=0)
    np.testing.assert_array_equal(rows, np.sort(IRIS.astype(rows.dtype), axis=0))


def test_partial_fit():
    made = Classifier(**QUICK)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        made.partial_fit(IRIS, NAMES)
    for _ in range(40):
        made.partial_fit(IRIS[SPECIES < 2], NAMES[SPECIES < 2], classes=np.unique(NAMES))
        made.partial_fit(IRIS, NAMES, sample_weight=np.ones(150))
    assert made.score(IRIS, NAMES) > 0.9
    assert made.n_iter_ == 80
    with pytest.raises(ValueError, match=r"y has the classes \['rose'\], which are not among"):
        made.partial_fit(IRIS[:1], ["rose"])


def wide(n_inputs, n_outputs, rng):
    return nn.Dense(n_inputs, n_outputs + 1, rng=rng)


# fmt: off
ERRORS = [  # settings, a call of an estimator, the error and its words
    ({"network": 8},     lambda c: c.fit(IRIS, NAMES), ValueError, r"a tuple of the sizes of hidden layers, such as \(100,\), or .*, not 8"),
    ({"network": "relu"}, lambda c: c.fit(IRIS, NAMES), ValueError, "not 'relu'"),
    ({"network": print}, lambda c: c.fit(IRIS, NAMES), TypeError,  "network must return an nn.Module, not a value of <class 'NoneType'>"),
    ({"network": wide},  lambda c: c.fit(IRIS, TWO),   ValueError, r"return a module with 1 outputs .* gave shape \(1, 2\) for one sample"),
    ({"early_stopping": True, "validation_fraction": 0.001}, lambda c: c.fit(IRIS, NAMES), ValueError, "validation_fraction=0.001 of 150 samples leaves 150"),
    ({"early_stopping": True, "validation_fraction": 2.0}, lambda c: c.fit(IRIS, NAMES), ValueError, "validation_fraction must be above 0 and below 1, not 2.0"),
    ({}, lambda c: c.fit(IRIS, NAMES, -np.ones(150)),  ValueError, "Negative values"),
    ({}, lambda c: c.fit(IRIS, NAMES, np.zeros(150)),  ValueError, "at least one non-zero"),
    ({}, lambda c: c.fit(IRIS, np.zeros(150)),         ValueError, "y has one class, 0.0$"),
    ({}, lambda c: c.partial_fit(IRIS, np.zeros(150), classes=[0]), ValueError, r"needs at least two classes, but classes has \[0\]"),
    ({}, lambda c: c.partial_fit(IRIS, TWO, classes=[0, 1]).partial_fit(IRIS, TWO, classes=[0, 1, 2]), ValueError,
     r"classes is \[0, 1, 2\], but the first fit had \[0, 1\]; leave it out"),
]
# fmt: on


@pytest.mark.parametrize(("settings", "call", "error", "words"), ERRORS)
def test_errors(settings, call, error, words):
    with pytest.raises(error, match=words):
        call(Classifier(**QUICK | {"epochs": 1} | settings))


def test_logarithms_of_probabilities():
    for y in (NAMES, TWO):
        made = Classifier(**QUICK | {"epochs": 2}).fit(IRIS, y)
        np.testing.assert_allclose(np.exp(made.predict_log_proba(IRIS)), made.predict_proba(IRIS))
        assert np.isfinite(made.predict_log_proba(1e6 * IRIS)).all()


def test_a_weight_of_0_removes_a_class():
    weights = (SPECIES != 1).astype(float)
    made = Classifier(**QUICK).fit(IRIS, NAMES, sample_weight=weights)
    assert "versicolor" not in made.predict(IRIS)


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    made = Regressor((16,), **QUICK).fit(X, y)
    assert made.score(X, y) > 0.4
    assert made.predict(X).shape == (442,)
    both = Regressor((16,), **QUICK).fit(X, np.stack([y, -y], axis=1))
    assert both.predict(X).shape == (442, 2)
    first = Regressor((16,), **QUICK)
    for _ in range(3):
        first.partial_fit(X, y)
    assert first.n_iter_ == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "swish"}, "activation must be one of relu, tanh, sigmoid, not 'swish'"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of adam, .*, not 'lbfgs'"),
    ],
)
def test_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Classifier(**settings).fit(IRIS, NAMES)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes, but y has one class"):
        Classifier().fit(IRIS, np.zeros(150, int))


def test_without_scikit_learn():
    import subprocess
    import sys

    code = "import sys; sys.modules['sklearn'] = None; import nn; nn.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "nn.sklearn needs scikit-learn 1.6 or newer" in done.stderr
