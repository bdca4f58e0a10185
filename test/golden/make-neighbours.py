"""Makes test/golden/neighbours.safetensors.

    pip install scikit-learn==1.8.0 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-neighbours.py

Random features of 300 images of 5 classes, 40 random queries, and what KNeighborsClassifier says of them with the weights exp(cos / T),
T = 0.1, for k = 20 and k = 200.
"""
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.neighbors import KNeighborsClassifier

random = np.random.default_rng(1)
bank, queries = random.normal(size=(300, 16)) + 0.5, random.normal(size=(40, 16)) + 0.5
labels = random.integers(0, 5, 300)


def votes(k):
    weights = lambda distance: np.exp((1 - distance) / 0.1)
    return KNeighborsClassifier(k, metric="cosine", algorithm="brute", weights=weights).fit(bank, labels).predict_proba(queries)


save_file(
    {
        "bank": bank.astype(np.float32),
        "labels": labels.astype(np.int32),
        "queries": queries.astype(np.float32),
        **{f"votes{k}": votes(k).astype(np.float32) for k in (20, 200)},
    },
    Path(__file__).parent / "neighbours.safetensors",
)
