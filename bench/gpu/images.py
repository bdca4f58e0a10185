"""Made-up images of ten classes, 32 px, as PNG: `images.py FOLDER [COUNT]`, and 2,000 to test."""

import os
import sys
from multiprocessing import Pool

import numpy as np
from PIL import Image

FOLDER = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
TESTS = 2_000
Y, X = np.mgrid[0:32, 0:32]


def make(part: str, i: int) -> None:
    """Waves whose direction and length are the class, on a colour, patches and noise of the image's own."""
    label = i % 10
    draw = np.random.default_rng([part == "test", i])
    angle = np.pi * label / 10 + draw.normal(0, 0.08)
    wave = np.sin((X * np.cos(angle) + Y * np.sin(angle)) * (0.5 + 0.12 * (label % 3)) + draw.uniform(0, 6.3))
    patches = Image.fromarray(draw.integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
    pixels = draw.uniform(60, 190, 3) + wave[..., None] * draw.uniform(15, 50, 3) + 0.35 * (np.asarray(patches, float) - 128)
    pixels += draw.normal(0, 12, pixels.shape)
    folder = os.path.join(FOLDER, part, f"class-{label}")
    os.makedirs(folder, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(os.path.join(folder, f"{i:05d}.png"))


if __name__ == "__main__":
    with Pool() as pool:
        pool.starmap(make, [("train", i) for i in range(COUNT)] + [("test", i) for i in range(TESTS)], chunksize=200)
