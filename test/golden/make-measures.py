"""Makes test/golden/measures.safetensors: random answers, and what scikit-learn says of them.

    pip install scikit-learn==1.9.1 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-measures.py

Three sets: `seven` classes, unevenly frequent, whose 300 rows hold 100 different ones, so that scores are tied across images;
`absent`, five classes of which one has no image; `two` classes. Probabilities are float32; scikit-learn has them as float64,
scaled to sum to 1.
The expected calibration error is the formula of Guo et al. 2017 (eq. 3), 15 bins, written out below. A null is 0 of 0.
"""
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn import metrics

random = np.random.default_rng(5)


def answers(classes, images, frequency, strength):
    truth = random.choice(classes, images, p=np.array(frequency) / sum(frequency))
    logits = random.normal(size=(images, classes)) + strength * np.eye(classes)[truth]
    odds = np.exp(logits)
    return truth.astype(np.int32), (odds / odds.sum(1, keepdims=True)).astype(np.float32)


def calibration_error(truth, p, bins=15):
    confidence, right = p.max(1), p.argmax(1) == truth
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def delong(truth, scores):
    """Standard deviation of the area of two classes: DeLong et al. 1988, eq. 3 and 4, pair by pair."""
    pairs = np.sign(scores[truth == 1][:, None] - scores[truth == 0][None, :]) / 2 + 0.5
    return np.sqrt(sum(pairs.mean(axis).var(ddof=1) / pairs.shape[1 - axis] for axis in (0, 1)))


def measured(truth, probabilities):
    p = probabilities.astype(np.float64)
    p /= p.sum(1, keepdims=True)
    classes = p.shape[1]
    every = np.arange(classes)
    called = p.argmax(1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, called, labels=every, zero_division=np.nan)
    with_images = [c for c in every if 0 < (truth == c).sum() < len(truth)]
    areas = {c: metrics.roc_auc_score(truth == c, p[:, c]) for c in with_images}
    complete = len(with_images) == classes
    if classes == 2:
        auc = metrics.roc_auc_score(truth, p[:, 1])
    elif complete:
        auc = metrics.roc_auc_score(truth, p, multi_class="ovr", average="macro")
    else:  # scikit-learn refuses: the mean over those there are
        auc = np.mean(list(areas.values()))
    values = {
        "accuracy": metrics.accuracy_score(truth, called),
        "top5": metrics.top_k_accuracy_score(truth, p, k=5, labels=every) if classes > 5 else None,
        "balancedAccuracy": metrics.balanced_accuracy_score(truth, called),
        "kappa": metrics.cohen_kappa_score(truth, called, labels=every, weights="quadratic"),
        "loss": metrics.log_loss(truth, p, labels=every),
        "auc": auc,
        "aucDeviation": delong(truth, p[:, 1]) if classes == 2 else None,
        "calibrationError": calibration_error(truth, p),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "areas": [areas.get(c) for c in every],
        "confusion": metrics.confusion_matrix(truth, called, labels=every).tolist(),
    }
    return json.loads(json.dumps(values, default=float).replace("NaN", "null"))


truth, p = answers(7, 100, [5, 4, 3, 2, 2, 1, 1], 1.0)
rows = np.tile(np.arange(100), 3)
sets = {
    "seven": (np.where(random.random(300) < 0.3, random.integers(0, 7, 300), truth[rows]).astype(np.int32), p[rows]),
    "absent": answers(5, 120, [3, 2, 2, 0, 1], 0.7),
    "two": answers(2, 200, [4, 1], 1.2),
}
save_file(
    {f"{name} {what}": tensor for name, pair in sets.items() for what, tensor in zip(("truth", "probabilities"), pair)},
    Path(__file__).parent / "measures.safetensors",
    {name: json.dumps(measured(*pair)) for name, pair in sets.items()},
)
