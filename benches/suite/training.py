"""Cross-validation of models on digits: each fold is scaled anew for every model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import QuantileTransformer
from sklearn.svm import SVC

import makespan as ms
from benches.suite.case import Case

Array = NDArray[np.float64]
Fold = tuple[Array, Array, Array, Array]
MODELS = ("forest", "logistic", "vectors")


@ms.step(pure=True)
def scaled(features: Array, labels: Array, fold: int, n_folds: int) -> Fold:
    is_test = np.arange(len(labels)) % n_folds == fold
    scaler = QuantileTransformer(n_quantiles=min(500, int((~is_test).sum())), random_state=0).fit(features[~is_test])
    return scaler.transform(features[~is_test]), labels[~is_test], scaler.transform(features[is_test]), labels[is_test]


@ms.step(pure=True)
def score(model: str, fold: Fold) -> float:
    kinds = {
        "forest": RandomForestClassifier(20, random_state=0),
        "logistic": LogisticRegression(max_iter=20, tol=1e-2),
        "vectors": SVC(),
    }
    train, train_labels, test, test_labels = fold
    return float(kinds[model].fit(train, train_labels).score(test, test_labels))


@ms.step(pure=True)
def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


def validated(model: str, features: Array, labels: Array, n_folds: int) -> float:
    return mean([score(model, scaled(features, labels, fold, n_folds)) for fold in range(n_folds)])


@ms.workflow
def comparison(features: Array, labels: Array, n_folds: int) -> dict[str, float]:
    return {model: validated(model, features, labels, n_folds) for model in MODELS}


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[Array, Array, int]]:
    del folder
    features, labels = load_digits(return_X_y=True)
    n = 200 if is_tiny else len(labels)
    yield features[:n], labels[:n], 2 if is_tiny else 4


CASE = Case("training", comparison, data, "cpu", frozenset({"score"}), cached=frozenset({"scaled", "score"}))
