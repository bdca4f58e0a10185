"""Makes test/golden/crops.safetensors and test/golden/python.safetensors.

    pip install pillow==13.0.0 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-views.py

crops: an image of 24 x 24 pixels, five boxes (left, top, width, height), and what Pillow makes of `crop(box).resize((24, 24),
BICUBIC)` in its float mode, so that nothing is rounded between the two passes.
python: three small tensors as the reference writer of safetensors stores them.
"""
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

folder = Path(__file__).parent
size = 24
image = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
boxes = np.array([[0, 0, 24, 24], [3, 5, 10, 13], [14, 11, 10, 13], [1, 0, 23, 7], [20, 20, 1, 2]], dtype=np.int32)


def crop(left, top, width, height):
    planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    box = (left, top, left + width, top + height)
    return np.stack([np.asarray(p.crop(box).resize((size, size), Image.Resampling.BICUBIC)) for p in planes], -1)


views = np.stack([crop(*(int(v) for v in box)) for box in boxes])
save_file({"image": image, "boxes": boxes, "views": views}, folder / "crops.safetensors", {"pillow": "13.0.0"})
save_file(
    {
        "bytes": np.array([[1, 2, 3], [250, 251, 252]], dtype=np.uint8),
        "counts": np.array([-1, 0, 2**31 - 1], dtype=np.int32),
        "weights": np.array([[0.5, -1.25], [3e-5, 1e30]], dtype=np.float32),
        "loss": np.array(0.125, dtype=np.float32),
    },
    folder / "python.safetensors",
    {"made by": "python"},
)
