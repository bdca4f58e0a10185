"""Makes test/golden/torchvision.safetensors.

    pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-torchvision.py

An image of 24 x 24 pixels, and what torchvision makes of it (float32, 0 to 1): turned by four angles, bilinear, with `inside` 1 where
all four source pixels lie in the image; solarized at two thresholds; with a box (top, left, height, width) erased.
"""
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file
from torchvision.transforms import InterpolationMode, functional

size = 24
image = np.random.default_rng(2).integers(0, 256, (size, size, 3), dtype=np.uint8)
planes = torch.from_numpy(image).permute(2, 0, 1).float() / 255
angles = [30.0, -75.5, 90.0, 180.0]
thresholds = [0.5, 0.3]
box = [3, 10, 7, 5]


def pixels(tensor):
    return np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())


def turned(tensor, angle):
    return functional.rotate(tensor, angle, InterpolationMode.BILINEAR)


save_file(
    {
        "image": image,
        "angles": np.array(angles, dtype=np.float32),
        "turned": np.stack([pixels(turned(planes, angle)) for angle in angles]),
        "inside": np.stack([(pixels(turned(torch.ones(1, size, size), angle)) > 0.9999).astype(np.uint8) for angle in angles]),
        "thresholds": np.array(thresholds, dtype=np.float32),
        "solarized": np.stack([pixels(functional.solarize(planes, threshold)) for threshold in thresholds]),
        "box": np.array(box, dtype=np.int32),
        "erased": pixels(functional.erase(planes, *box, torch.tensor(0.0))),
    },
    Path(__file__).parent / "torchvision.safetensors",
    {"torch": torch.__version__, "torchvision": torchvision.__version__},
)
