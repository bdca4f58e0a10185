"""Makes test/golden/losses.json: supervised losses and their gradients by PyTorch in float64.

    pip install torch==2.15.0
    python test/golden/make-losses.py

`contrastive`: L_out of Khosla et al. 2020 (arXiv 2004.11362, eq. 2), written as its sum over the anchors that have a partner, and their
mean; one class has a single image, which is nobody's partner. `smoothed`: CrossEntropyLoss(label_smoothing). `weighted`:
CrossEntropyLoss(weight), its rows averaged over the batch; `balanced`: the weights n / (C * n_c) of these counts.
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

torch.manual_seed(3)
labels = [0, 2, 1, 0, 2, 2, 3, 1]
logits = torch.randn(8, 4, dtype=torch.float64)
embeddings = torch.randn(8, 5, dtype=torch.float64)
counts = [6, 1, 3, 2]
balanced = [sum(counts) / (len(counts) * count) for count in counts]


def contrastive(z: Tensor, temperature: float) -> Tensor:
    z = nn.functional.normalize(z, dim=1)
    losses = []
    for i, label in enumerate(labels):
        others = [a for a in range(len(labels)) if a != i]
        partners = [p for p in others if labels[p] == label]
        if not partners:
            continue
        s = z @ z[i] / temperature
        below = torch.logsumexp(s[others], 0)
        losses.append(-sum(s[p] - below for p in partners) / len(partners))
    return torch.stack(losses).mean()


def case(of: Tensor, loss) -> dict:
    x = of.clone().requires_grad_()
    value = loss(x)
    value.backward()
    return {"value": value.item(), "gradient": x.grad.flatten().tolist()}


target = torch.tensor(labels)
weights = torch.tensor(balanced, dtype=torch.float64)
golden = {
    "torch": torch.__version__.split("+")[0],
    "labels": labels,
    "logits": logits.tolist(),
    "embeddings": embeddings.tolist(),
    "counts": counts,
    "balanced": balanced,
    "contrastive": {str(t): case(embeddings, lambda z: contrastive(z, t)) for t in (0.1, 0.5)},
    "smoothed": {str(e): case(logits, lambda x: nn.CrossEntropyLoss(label_smoothing=e)(x, target)) for e in (0.1, 0.4)},
    "weighted": case(logits, lambda x: nn.CrossEntropyLoss(weight=weights, reduction="none")(x, target).mean()),
}
Path(__file__).with_name("losses.json").write_text(json.dumps(golden) + "\n")
