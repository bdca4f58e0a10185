"""Views as SimCLR makes them, by torchvision and by lightly, on one thread. An iteration: all views of all images.

    views.py MAKER SIZE VIEWS pixels FILE             FILE: uint8 [n, SIZE, SIZE, 3], raw
    views.py MAKER SIZE VIEWS decode-per-view FOLDER  JPEG files, decoded anew for every view, as a data loader does
    views.py MAKER SIZE VIEWS decode-per-image FOLDER JPEG files, one decode for all views of an image

MAKER: v1-pil, v2-pil, v2-tensor (torchvision) or lightly. Views come out as uint8; lightly's as float32, as its transform ends so.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from lightly.transforms import SimCLRTransform
from PIL import Image
from serve import serve
from torchvision import transforms as v1
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2


def strength(size: int) -> float:
    """SimCLR's colour jitter: 0.5 for CIFAR-10, 1 for ImageNet."""
    return 0.5 if size <= 32 else 1.0


def simclr(T, size: int):
    """A random view (Chen et al. 2020, appendix A). T: a module of transforms, v1 or v2."""
    s = strength(size)
    crop = T.RandomResizedCrop(size, scale=(0.08, 1), interpolation=v1.InterpolationMode.BICUBIC, antialias=True)
    jitter = T.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)
    steps = [crop, T.RandomHorizontalFlip(), T.RandomApply([jitter], p=0.8), T.RandomGrayscale(p=0.2)]
    if size > 32:  # SimCLR leaves blur out for CIFAR-10
        taps = 2 * (size // 10 // 2) + 1  # 23 at 224 px
        steps.append(T.RandomApply([T.GaussianBlur(taps, sigma=(0.1, 2.0))], p=0.5))
    return T.Compose(steps)


def lightly_view(size: int):
    """One of the two views of lightly's SimCLRTransform, without the normalisation, which nobody else does here."""
    blur = 0.5 if size > 32 else 0.0
    return SimCLRTransform(input_size=size, cj_strength=strength(size), gaussian_blur=blur, normalize=None).transforms[0]


def view_maker(name: str, size: int):
    """From a decoded image to a view."""
    if name == "lightly":
        return lightly_view(size)
    view = simclr(v1 if name == "v1-pil" else v2, size)
    return view if name == "v2-tensor" else lambda image: np.asarray(view(image))


def decoded(name: str, file: Path):
    """The whole image of a file, RGB."""
    if name == "v2-tensor":
        return decode_jpeg(read_file(str(file)), ImageReadMode.RGB)
    with Image.open(file) as image:
        return image.convert("RGB")


def images_in(name: str, size: int, file: str) -> list:
    pixels = np.fromfile(file, np.uint8).reshape(-1, size, size, 3)
    if name == "v2-tensor":
        return list(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous())
    return [Image.fromarray(image) for image in pixels]


def build(name: str, size: int, views: int, source: str, path: str):
    view = view_maker(name, size)
    images = images_in(name, size, path) if source == "pixels" else sorted(Path(path).glob("*.jpg"))

    def iterate() -> None:
        for image in images:
            once = decoded(name, image) if source == "decode-per-image" else image
            for _ in range(views):
                view(decoded(name, image) if source == "decode-per-view" else once)

    return iterate


name, size, views, source, path = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(1)
serve(lambda: build(name, int(size), int(views), source, path))
