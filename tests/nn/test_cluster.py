"""Work for a cluster: what crosses the wire, and gradients and searches in workers of Dask."""

import pickle

import numpy as np
import pytest

import nn
import tensorgrad as tg

cloudpickle = pytest.importorskip("cloudpickle")
rng = np.random.default_rng(0)
W, X = rng.normal(size=(20, 3)), rng.normal(size=(50, 20))


def loss(W, X):
    return np.sum(np.tanh(X @ W) ** 2)


def sent(x):
    """Return a value as a worker gets it from Dask."""
    return pickle.loads(cloudpickle.dumps(x))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_constants_and_leaves_travel_as_their_numbers(requires_grad):
    tensor = tg.Tensor(W, requires_grad=requires_grad, name="W")
    (tensor * 2).sum().backward() if requires_grad else None
    there = sent(tensor)
    np.testing.assert_array_equal(there.data, W)
    assert (there.requires_grad, there.name, there.grad) == (requires_grad, "W", None)
    assert len(cloudpickle.dumps(tensor)) < W.nbytes + 300


def test_a_result_stays_where_its_graph_is():
    with pytest.raises(TypeError, match=r"only leaf tensors are pickled; detach\(\)"):
        sent(tg.Tensor(W, requires_grad=True) * 2)


def test_functions_compiled_functions_and_programs_give_the_same_there():
    gradient = tg.value_and_grad(loss)
    compiled = tg.compile(gradient)
    expected = gradient(W, X)
    for function in (gradient, compiled, compiled.program(W, X)):
        value, found = sent(function)(W, X)
        assert value == expected[0]
        np.testing.assert_array_equal(found, expected[1])


def test_models_travel_whole():
    model = nn.Model(nn.Sequential(nn.Dense(20, 3, rng=0), nn.Dropout(0.5, rng=1)))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.Adam())
    for each in (model, there := sent(model)):
        each.train(X, X[:, :3], epochs=12, print_every=None, seed=0)
    for name, array in model.get_parameters().items():
        np.testing.assert_array_equal(there.get_parameters()[name], array)


@pytest.mark.long
def test_two_processes_of_dask_search_and_differentiate():
    distributed = pytest.importorskip("dask.distributed")
    joblib = pytest.importorskip("joblib")
    search = pytest.importorskip("sklearn.model_selection").GridSearchCV(
        nn.sklearn.Classifier(epochs=5, random_state=0), {"learning_rate": [0.01, 0.1]}, cv=2
    )
    points, classes = nn.datasets.spiral(50, 3, rng=0)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.Client(processes=True, **options) as client:
        with joblib.parallel_config(backend="dask"):
            search.fit(points, classes)
        parts = client.map(tg.value_and_grad(loss), [W, W], [X[:30], X[30:]])
        values, gradients = zip(*client.gather(parts))
    value, gradient = tg.value_and_grad(loss)(W, X)
    assert sum(values) == pytest.approx(value)
    np.testing.assert_allclose(sum(gradients), gradient)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(
        scores, search.fit(points, classes).cv_results_["mean_test_score"]
    )
