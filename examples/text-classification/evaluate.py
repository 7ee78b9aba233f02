"""How well the model tells languages of messages that it never saw.

Reads model.joblib and features/test.*; writes metrics.json and plots/: the confusion matrix, the ROC curve of all
languages together, and precision and recall of each.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import joblib
import numpy as np
import scipy.sparse
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)


def write(path: str, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    """One CSV file."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Predict, compare, write."""
    model = joblib.load("model.joblib")
    actual = np.load("features/test.npy")
    chances = model.predict_proba(scipy.sparse.load_npz("features/test.npz"))
    predicted = model.classes_[chances.argmax(axis=1)]
    is_language = actual[:, np.newaxis] == model.classes_

    metrics = {
        "languages": len(model.classes_),
        "messages": len(actual),
        "accuracy": accuracy_score(actual, predicted),
        "f1": f1_score(actual, predicted, average="macro"),
        "log_loss": log_loss(actual, chances, labels=model.classes_),
        "roc_auc": roc_auc_score(is_language.ravel(), chances.ravel()),
    }
    rounded = {
        name: round(float(value), 6) if isinstance(value, float) else value
        for name, value in metrics.items()
    }
    Path("metrics.json").write_text(json.dumps(rounded, indent=2) + "\n")

    Path("plots").mkdir(exist_ok=True)
    write("plots/confusion.csv", ["actual", "predicted"], zip(actual, predicted, strict=True))
    false, true, _ = roc_curve(is_language.ravel(), chances.ravel())
    points = np.unique(np.linspace(0, len(false) - 1, 500).astype(int))
    write(
        "plots/roc.csv",
        ["false_positives", "true_positives"],
        zip(false[points].round(6), true[points].round(6), strict=True),
    )
    precision, recall, _, _ = precision_recall_fscore_support(
        actual, predicted, labels=model.classes_, zero_division=0
    )
    rows = zip(model.classes_, precision.round(6), recall.round(6), strict=True)
    write("plots/languages.csv", ["language", "precision", "recall"], rows)


if __name__ == "__main__":
    main()
