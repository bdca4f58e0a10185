"""Makes test/golden/torchvision-names.json: names and shapes of the weights of torchvision's ResNets.

torchvision 0.29.2. `num_batches_tracked` is left out: PyTorch fills it in when it loads weights without it.
"""

import json
from pathlib import Path

import torchvision

names = {
    f"resnet{depth}": {
        name: list(tensor.shape)
        for name, tensor in getattr(torchvision.models, f"resnet{depth}")().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    for depth in (18, 50)
}
path = Path(__file__).with_name("torchvision-names.json")
path.write_text(json.dumps(names) + "\n")
