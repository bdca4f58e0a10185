"""Makes test/golden/optimizers.json: ten steps of AdamW by PyTorch, and of LARS by google-research/simclr's rules in float64.

    pip install torch==2.15.0 numpy==2.4.6
    python test/golden/make-optimizers.py

Two parameters, `kernel` [3, 4] and `bias` [4]; decay on the kernel alone; another gradient and another rate at every step.
LARS follows lars_optimizer.py (commit 383d4143, apply_gradients with classic_momentum): decay into the gradient, trust ratio
0.001*|w| / |g|, rate inside the momentum of 0.9; the bias is excluded from decay and adaptation.
"""

import json
from pathlib import Path

import numpy as np
import torch

STEPS, DECAY = 10, 0.05
random = np.random.default_rng(7)
start = {"kernel": random.normal(size=(3, 4)), "bias": random.normal(size=4)}
gradients = [{name: random.normal(size=w.shape) * 10.0 ** random.integers(-3, 1) for name, w in start.items()} for _ in range(STEPS)]
rates = [round(0.01 * (1 + step % 4), 4) for step in range(STEPS)]


def adamw():
    weights = {name: torch.tensor(w, dtype=torch.float32, requires_grad=True) for name, w in start.items()}
    groups = [{"params": [weights["kernel"]], "weight_decay": DECAY}, {"params": [weights["bias"]], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.1, betas=(0.9, 0.999), eps=1e-8)
    for gradient, rate in zip(gradients, rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, w in weights.items():
            w.grad = torch.tensor(gradient[name], dtype=torch.float32)
        optimizer.step()
        yield {name: w.detach().double().numpy().copy() for name, w in weights.items()}


def lars():
    weights = {name: w.copy() for name, w in start.items()}
    momenta = {name: np.zeros_like(w) for name, w in start.items()}
    for gradient, rate in zip(gradients, rates):
        for name, w in weights.items():
            g, ratio = gradient[name], 1.0
            if name == "kernel":
                g = g + DECAY * w
                w_norm, g_norm = np.linalg.norm(w), np.linalg.norm(g)
                ratio = 0.001 * w_norm / g_norm if w_norm > 0 and g_norm > 0 else 1.0
            momenta[name] = 0.9 * momenta[name] + rate * ratio * g
            weights[name] = w - momenta[name]
        yield {name: w.copy() for name, w in weights.items()}


def numbers(tensors):
    return {name: [float(f"{value:.9g}") for value in np.ravel(tensor)] for name, tensor in tensors.items()}


golden = {
    "torch": torch.__version__.split("+")[0],
    "weightDecay": DECAY,
    "start": numbers(start),
    "rates": rates,
    "gradients": [numbers(gradient) for gradient in gradients],
    "adamw": [numbers(weights) for weights in adamw()],
    "lars": [numbers(weights) for weights in lars()],
}
Path(__file__).with_name("optimizers.json").write_text(json.dumps(golden) + "\n")
