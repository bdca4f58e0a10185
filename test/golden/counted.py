"""Numbers and images that test/golden/counted.ts counts in the same way, so that golden files hold answers only."""

from hashlib import sha256

import numpy as np
import torch
from torch import Tensor


def counted(name: str, count: int) -> np.ndarray:
    """Numbers in [0, 1): murmur3's finaliser of a count that starts at the first word of the SHA-256 of the name."""
    mask = np.uint64(0xFFFFFFFF)
    h = np.arange(count, dtype=np.uint64) + np.uint64(int.from_bytes(sha256(name.encode()).digest()[:4], "little")) & mask
    h ^= h >> np.uint64(16)
    h = h * np.uint64(0x85EBCA6B) & mask
    h ^= h >> np.uint64(13)
    h = h * np.uint64(0xC2B2AE35) & mask
    h ^= h >> np.uint64(16)
    return h / 2.0**32


def images(count: int, size: int) -> Tensor:
    """Noise on a colour of each image's own: [count, 3, size, size]."""
    noise = 0.5 * counted("images", count * size * size * 3).reshape(count, size, size, 3)
    colours = 0.5 * counted("colours", count * 3).reshape(count, 1, 1, 3)
    return torch.from_numpy((noise.astype(np.float32) + colours.astype(np.float32)).astype(np.float64)).permute(0, 3, 1, 2)
