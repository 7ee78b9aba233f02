"""Features -> a linear classifier of languages.

Reads features/train.*; writes model.joblib.
"""

import joblib
import numpy as np
import scipy.sparse
import yaml
from sklearn.linear_model import SGDClassifier


def main() -> None:
    """Fit one logistic regression per language, by stochastic gradient descent."""
    with open("params.yaml", encoding="utf-8") as file:
        params = yaml.safe_load(file)["train"]
    model = SGDClassifier(
        loss="log_loss",
        alpha=params["alpha"],
        max_iter=params["epochs"],
        tol=None,
        random_state=params["seed"],
        n_jobs=2,
    )
    model.fit(scipy.sparse.load_npz("features/train.npz"), np.load("features/train.npy"))
    joblib.dump(model, "model.joblib")


if __name__ == "__main__":
    main()
