"""Digits and diabetes of scikit-learn: networks in pipelines with a search, beside MLPClassifier.

Run: python -m examples.tabular [--quick]
"""

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import nn
from examples.options import parse
from examples.terminal import run

SEEDS = (0, 1, 2)


def classifiers(seed: int) -> dict[str, Any]:
    """Return the pipelines for the digits by their names."""
    ours = nn.sklearn.Classifier(
        (100,), epochs=30, batch_size=100, learning_rate=0.005, random_state=seed
    )
    theirs = MLPClassifier((100,), max_iter=30, batch_size=100, learning_rate_init=0.005,
                           random_state=seed)  # fmt: skip
    return {
        "nn.sklearn.Classifier": make_pipeline(MinMaxScaler(), ours),
        "MLPClassifier": make_pipeline(MinMaxScaler(), theirs),
    }


def regressors(seed: int) -> dict[str, Any]:
    """Return the pipelines for diabetes by their names, with targets scaled as the inputs are."""
    ours = nn.sklearn.Regressor(
        (32,), epochs=100, batch_size=400, learning_rate=0.01, weight_decay=0.1, random_state=seed
    )
    theirs = MLPRegressor(hidden_layer_sizes=(32,), max_iter=100, batch_size=331, alpha=0.1,
                          learning_rate_init=0.01, random_state=seed)  # fmt: skip
    return {
        name: TransformedTargetRegressor(
            make_pipeline(StandardScaler(), estimator), transformer=StandardScaler()
        )
        for name, estimator in (("nn.sklearn.Regressor", ours), ("MLPRegressor", theirs))
    }


def compare(title: str, make: Any, X: np.ndarray, y: np.ndarray, seeds: Sequence[int]) -> None:
    """Print the mean score on samples that were left out, and the mean time of a fit.

    Shapes: X (N, D), y (N,).
    """
    print(f"\n{title}: {X.shape[0]} samples, {X.shape[1]} features, {len(seeds)} splits")
    scores: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    for seed in seeds:
        split = train_test_split(X, y, test_size=0.25, random_state=seed)
        X_train, X_test, y_train, y_test = split
        for name, pipeline in make(seed).items():
            began = time.perf_counter()
            pipeline.fit(X_train, y_train)
            times.setdefault(name, []).append(time.perf_counter() - began)
            scores.setdefault(name, []).append(pipeline.score(X_test, y_test))
    for name, found in scores.items():
        print(f"{name:>24}  score {np.mean(found):.3f}  {np.median(times[name]):.2f} s")


def search(X: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """Choose the size and the learning rate of a network for the digits by a grid search.

    Shapes: X (N, D), y (N,).
    """
    network = nn.sklearn.Classifier(epochs=epochs, batch_size=100, random_state=0)
    grid = {
        "classifier__network": [(32,), (100,)],
        "classifier__learning_rate": [0.005, nn.schedules.one_cycle(0.02, steps=epochs * 9)],
    }
    found = GridSearchCV(make_pipeline(MinMaxScaler(), network), grid, cv=3, n_jobs=1)
    found.fit(X, y)
    print("\na grid search for the digits, three folds each:")
    for settings, score in zip(found.cv_results_["params"], found.cv_results_["mean_test_score"]):
        print(f"  {score:.3f}  {settings}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the comparison and the search."""
    options = {"--quick": {"action": "store_true", "help": "one split, and a shorter search"}}
    args = parse("tabular", __doc__, options, argv)
    seeds = SEEDS[:1] if args.quick else SEEDS
    warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs for each
    X, y = load_digits(return_X_y=True)
    compare("digits", classifiers, X, y, seeds)
    compare("diabetes", regressors, *load_diabetes(return_X_y=True), seeds)
    search(X, y, epochs=4 if args.quick else 20)


if __name__ == "__main__":
    run(main)
