"""Messages -> counts of their n-grams of characters, weighed by TF-IDF.

Reads prepared/; writes features/: a sparse matrix and the languages of train and test, and the vectoriser.
"""

from pathlib import Path

import joblib
import numpy as np
import scipy.sparse
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer


def read(path: str) -> tuple[list[str], list[str]]:
    """Texts and languages of one file."""
    lines = Path(path).read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [text for _, text in pairs], [language for language, _ in pairs]


def main() -> None:
    """Learn which n-grams there are from train, and apply that to both."""
    with open("params.yaml", encoding="utf-8") as file:
        params = yaml.safe_load(file)["featurise"]
    vectoriser = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(1, params["longest"]),
        max_features=params["features"],
        sublinear_tf=True,
        dtype=np.float32,
    )
    train, train_languages = read("prepared/train.tsv")
    test, test_languages = read("prepared/test.tsv")
    Path("features").mkdir(exist_ok=True)
    scipy.sparse.save_npz("features/train.npz", vectoriser.fit_transform(train), compressed=False)
    scipy.sparse.save_npz("features/test.npz", vectoriser.transform(test), compressed=False)
    np.save("features/train.npy", np.array(train_languages))
    np.save("features/test.npy", np.array(test_languages))
    joblib.dump(vectoriser, "features/vectoriser.joblib")


if __name__ == "__main__":
    main()
