"""Writes the files beside it with the programs people use: numpy 2 and Pillow. `python3 make.py` (pip install numpy pillow)."""
import zipfile

import numpy as np
from PIL import Image


def counted(*shape):
    """The n-th value is 7 n mod 251."""
    return (7 * np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)


np.savez_compressed("colour.npz", train_images=counted(6, 4, 4, 3), train_labels=np.array([[0], [1], [10], [0], [1], [2]], np.uint8),
                    val_images=counted(1, 4, 4, 3), val_labels=np.array([[0]], np.uint8),
                    test_images=counted(2, 4, 4, 3)[::-1].copy(), test_labels=np.array([[1], [2]], np.uint8))
np.savez("gray.npz", train_images=counted(4, 4, 4), train_labels=np.array([3, 5, 3, 5]), test_images=counted(2, 4, 4), test_labels=np.array([3, 5]))
np.savez("many-labels.npz", train_images=counted(2, 4, 4), train_labels=np.zeros((2, 14), np.uint8))
picture = Image.fromarray(counted(4, 5, 3))
picture.save("24-bit.bmp")
picture.convert("RGBA").save("32-bit.bmp")
picture.convert("L").save("8-bit.bmp")
Image.fromarray(np.array([[0, 0.5], [1, 300]], np.float32)).save("float.tiff")
Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save("cmyk.jpg", quality=100)
# Archives above 4 GiB keep sizes and offsets in zip64 fields; a low limit makes a small one do the same.
zipfile.ZIP64_LIMIT = 100
np.savez("zip64.npz", train_images=counted(4, 4, 4), train_labels=np.array([3, 5, 3, 5]))
