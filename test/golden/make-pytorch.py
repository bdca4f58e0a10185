"""Makes test/golden/pytorch.safetensors: what the networks of docs/pytorch.py, in float64, say of counted images.

    pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-pytorch.py

<case>: logits [4, 3] of four images. Weights are counted by their names, as test/learning/networks/parity.test.ts counts them: kernels of
variance 2 / fan-in, norms about the identity, the last one of a residual branch about a tenth of it.
"""

import json
from pathlib import Path
import sys

import numpy as np
from safetensors.numpy import save_file
import torch

from counted import counted, images

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from pytorch import Network  # noqa: E402

CASES = json.loads((Path(__file__).parent / "pytorch.json").read_text())


def value(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    u = counted(name, int(np.prod(shape)))
    if len(shape) > 1:
        values = (u - 0.5) * np.sqrt(24 / np.prod(shape[1:]))
    elif name.endswith(("running_var", "weight")):
        values = (u + 0.5) * (0.1 if name.endswith("bn3.weight") else 1)
    else:
        values = (u - 0.5) * 0.4
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


@torch.no_grad()
def logits(architecture: dict) -> np.ndarray:
    network = Network(**architecture).double().eval()
    weights = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name, tensor in weights.items():
        tensor.copy_(value(name, tuple(tensor.shape)))
    return network(images(4, architecture["size"])).float().numpy()


answers = {name: logits(architecture) for name, architecture in CASES.items()}
save_file(answers, Path(__file__).parent / "pytorch.safetensors", {"torch": "2.15.0"})
