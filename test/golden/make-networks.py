"""Makes test/golden/networks.safetensors: what PyTorch, in float64, says of our networks and of torchvision's.

    pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 safetensors==0.8.0
    python test/golden/make-networks.py

Weights and images are no part of the file: both sides count them, by counted.py here and counted.ts there.
<case>/eval, <case>/train: every eighth feature of four images [4, F / 8], by stored statistics and by those of the batch.
<case>/loss, <case>/gradients: loss [1] of a SimCLR step on eight images, two views each (NT-Xent at temperature 0.5, three head layers
to 16; small networks, as of a million activations one is so near to 0 that rounding decides whether its gradient passes), and a row for each trained parameter in the order of their names [P, 17]: the norm of its gradient, and 16 values of it, evenly
spaced from the first on (the last ones 0 where it has fewer).
"""

from collections import OrderedDict
from pathlib import Path
import re

import numpy as np
from safetensors.numpy import save_file
import torch
from torch import Tensor, nn
from torch.nn import functional as F
import torchvision

from counted import counted, images

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
TEMPERATURE = 0.5
PROJECTION = 16


def weights(name: str, role: str, shape: tuple[int, ...], ends_branch: bool) -> Tensor:
    """
    Kernels of variance 2 / fan-in, so that signals keep their size; gamma and variance about 1, beta and mean about 0. The last gamma of
    a residual branch is about 0.1, as early in training: at 1, a deep random network makes a thousandfold of every rounding error.
    """
    u = counted(name, int(np.prod(shape)))
    if role == "kernel":
        values = (u - 0.5) * np.sqrt(24 / np.prod(shape[:-1]))
    elif role in ("gamma", "variance"):
        values = (u + 0.5) * (0.1 if ends_branch else 1)
    else:
        values = (u - 0.5) * 0.4
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


# ---- our networks

def conv(source: int, target: int, size: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(source, target, size, stride, padding=size // 2, bias=False)


class StemPool(nn.Module):
    """3x3, stride 2; TensorFlow's SAME, or torch's own padding."""

    def __init__(self, padding: str):
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == "torchvision":
            return F.max_pool2d(x, 3, 2, 1)
        pads = [max(2 * ((side + 1) // 2 - 1) + 3 - side, 0) for side in (x.shape[3], x.shape[2])]
        x = F.pad(x, [edge for total in pads for edge in (total // 2, total - total // 2)], value=float("-inf"))
        return F.max_pool2d(x, 3, 2)


class ShortcutPool(nn.Module):
    """2x2 means; zeros count at stride 2, and at stride 1 only the cells there are."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        sums = F.avg_pool2d(F.pad(x, (0, 1, 0, 1)), 2, self.stride)
        if self.stride == 2:
            return sums
        return sums / F.avg_pool2d(F.pad(torch.ones_like(x), (0, 1, 0, 1)), 2, 1)


class Mixing(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        middle = max(int(channels * 0.0625), 32)
        self.dense1 = nn.Linear(channels, middle, bias=False)
        self.norm = nn.BatchNorm1d(middle)
        self.dense2 = nn.Linear(middle, 2 * channels, bias=False)

    def forward(self, pooled: Tensor) -> Tensor:
        both = self.dense2(F.relu(self.norm(self.dense1(pooled)))).unflatten(1, (2, -1))
        return both.softmax(1)[..., None, None]


class Block(nn.Module):
    def __init__(self, source: int, inner: int, stride: int, first: bool, depth: int, kernels: bool, shortcut: str):
        super().__init__()
        target = 4 * inner if depth >= 50 else inner
        if depth >= 50:
            self.conv1, self.norm1 = conv(source, inner, 1, 1), nn.BatchNorm2d(inner)
            self.conv2, self.norm2 = conv(inner, 2 * inner if kernels else inner, 3, stride), nn.BatchNorm2d(2 * inner if kernels else inner)
            self.conv3, self.norm3 = conv(inner, target, 1, 1), nn.BatchNorm2d(target)
        else:
            self.conv1, self.norm1 = conv(source, inner, 3, stride), nn.BatchNorm2d(inner)
            self.conv2, self.norm2 = conv(inner, inner, 3, 1), nn.BatchNorm2d(inner)
        self.mixing = Mixing(inner) if kernels and depth >= 50 else None
        self.is_bottleneck = depth >= 50
        projects = first and (shortcut == "simclr" or stride > 1 or source != target)
        self.pool = ShortcutPool(stride) if projects and kernels else nn.Identity()
        self.shortcut = (
            nn.Sequential(OrderedDict(conv=conv(source, target, 1, 1 if kernels else stride), norm=nn.BatchNorm2d(target)))
            if projects
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        kept = self.shortcut(self.pool(x))
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.mixing is not None:
            branches = F.relu(y).unflatten(1, (2, -1))
            y = (branches * self.mixing(branches.sum(1).mean((2, 3)))).sum(1)
        elif self.is_bottleneck:
            y = F.relu(y)
        if self.is_bottleneck:
            y = self.norm3(self.conv3(y))
        return F.relu(kept + y)


def encoder(depth: int, width: float, stem: str, kernels: bool = False, shortcut: str = "simclr", padding: str = "simclr") -> nn.Module:
    """Images [B, 3, H, W] to features [B, F]; its modules have our names."""
    def channels(base: int) -> int:
        return max(8, round(base * width))

    parts: OrderedDict[str, nn.Module] = OrderedDict()
    begin, half = channels(64), channels(32)
    if stem == "imagenet" and kernels:
        sizes = ((3, half, 2), (half, half, 1), (half, begin, 1))
        layers = [(f"{kind}{i + 1}", module) for i, (source, target, stride) in enumerate(sizes)
                  for kind, module in (("conv", conv(source, target, 3, stride)), ("norm", nn.BatchNorm2d(target)), ("relu", nn.ReLU()))]
    else:
        first = conv(3, begin, 7, 2) if stem == "imagenet" else conv(3, begin, 3, 1)
        layers = [("conv", first), ("norm", nn.BatchNorm2d(begin)), ("relu", nn.ReLU())]
    parts["stem"] = nn.Sequential(OrderedDict(layers + ([("pool", StemPool(padding))] if stem == "imagenet" else [])))
    source = begin
    for group, count in enumerate(BLOCKS[depth]):
        blocks = OrderedDict()
        for i in range(count):
            inner = channels(64 * 2**group)
            blocks[f"block{i + 1}"] = Block(source, inner, 2 if i == 0 and group > 0 else 1, i == 0, depth, kernels, shortcut)
            source = inner * (4 if depth >= 50 else 1)
        parts[f"group{group + 1}"] = nn.Sequential(blocks)
    parts["pool"], parts["flat"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    network = nn.Sequential(parts)
    network.features = source
    return network


def head(features: int) -> nn.Module:
    layers = OrderedDict()
    for i in range(3):
        target = PROJECTION if i == 2 else features
        dense, norm = nn.Linear(features, target, bias=False), nn.BatchNorm1d(target)
        if i == 2:
            norm.register_parameter("bias", None)
        layers[f"layer{i + 1}"] = nn.Sequential(OrderedDict(dense=dense, norm=norm, **({} if i == 2 else {"relu": nn.ReLU()})))
    return nn.Sequential(layers)


# ---- names: a parameter of torch, its name and role here, its values in our layout and back

def of_torchvision(path: str) -> str:
    path = re.sub(r"^layer(\d)\.(\d+)\.", lambda found: f"group{found[1]}.block{int(found[2]) + 1}.", path)
    for theirs, ours in (("downsample.0", "shortcut.conv"), ("downsample.1", "shortcut.norm")):
        path = path.replace(theirs, ours)
    path = {"conv1": "stem.conv", "bn1": "stem.norm"}.get(path, path)
    return f"encoder.{path.replace('.bn', '.norm')}"


def parameters(network: nn.Module, rename=lambda path: path):
    for path, module in network.named_modules():
        name = rename(path).replace(".", "/")
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            yield f"{name}/kernel", "kernel", module.weight
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            kinds = (("gamma", module.weight), ("beta", module.bias), ("mean", module.running_mean), ("variance", module.running_var))
            yield from ((f"{name}/{role}", role, tensor) for role, tensor in kinds if tensor is not None)


def to_ours(tensor: Tensor) -> Tensor:
    return tensor.permute(2, 3, 1, 0) if tensor.ndim == 4 else tensor.T if tensor.ndim == 2 else tensor


@torch.no_grad()
def fill(network: nn.Module, rename=lambda path: path) -> nn.Module:
    """The network in float64, with counted weights and statistics."""
    network.double()
    names = {name for name, _, _ in parameters(network, rename)}
    for name, role, tensor in parameters(network, rename):
        following = re.sub(r"norm(\d)/gamma$", lambda found: f"norm{int(found[1]) + 1}/gamma", name)
        ends_branch = re.search(r"/block\d+/norm\d/gamma$", name) is not None and following not in names
        to_ours(tensor).copy_(weights(name, role, tuple(to_ours(tensor).shape), ends_branch))
    return network


# ---- what they say

@torch.no_grad()
def features(network: nn.Module, size: int) -> dict[str, Tensor]:
    x = images(4, size)
    return {mode: network.train(mode == "train")(x)[:, ::8] for mode in ("eval", "train")}


def nt_xent(z: Tensor) -> Tensor:
    count = len(z)
    unit = F.normalize(z, dim=1)
    logits = (unit @ unit.T / TEMPERATURE).masked_fill(torch.eye(count, dtype=torch.bool), -1e9)
    return F.cross_entropy(logits, torch.arange(count).roll(count // 2))


def gradients(body: nn.Module, size: int) -> dict[str, Tensor]:
    network = fill(nn.Sequential(OrderedDict(encoder=body, head=head(body.features)))).train()
    loss = nt_xent(network(images(16, size)))
    loss.backward()
    rows = []
    for _, role, tensor in sorted((entry for entry in parameters(network)), key=lambda entry: entry[0]):
        if role in ("mean", "variance"):
            continue
        flat = to_ours(tensor.grad).flatten()
        sample = flat[:: max(1, -(-len(flat) // 16))]
        rows.append(torch.cat([flat.norm()[None], sample, torch.zeros(16 - len(sample))]))
    return {"loss": loss.detach()[None], "gradients": torch.stack(rows)}


def ours(*settings, **options) -> nn.Module:
    return fill(nn.Sequential(OrderedDict(encoder=encoder(*settings, **options))))


CASES = {
    "resnet18": lambda: features(ours(18, 1, "small"), 32),
    "resnet50": lambda: features(ours(50, 1, "imagenet"), 64),
    "resnet50-2x": lambda: features(ours(50, 2, "small"), 16),
    "resnet50-sk": lambda: features(ours(50, 1, "imagenet", kernels=True), 65),
    "torchvision-resnet18": lambda: features(theirs("resnet18"), 64),
    "torchvision-resnet50": lambda: features(theirs("resnet50"), 64),
    "step-resnet18": lambda: gradients(encoder(18, 0.25, "small"), 8),
    "step-resnet50": lambda: gradients(encoder(50, 0.0625, "imagenet"), 16),
    "step-resnet50-2x": lambda: gradients(encoder(50, 0.125, "imagenet"), 16),
    "step-resnet50-sk": lambda: gradients(encoder(50, 0.0625, "imagenet", kernels=True), 16),
    "step-torchvision-resnet18": lambda: gradients(encoder(18, 0.125, "imagenet", shortcut="torchvision", padding="torchvision"), 16),
}


def theirs(name: str) -> nn.Module:
    network = getattr(torchvision.models, name)(weights=None)
    network.fc = nn.Identity()
    return fill(network, of_torchvision)


tensors = {f"{case}/{what}": value.float().contiguous().numpy() for case, make in CASES.items() for what, value in make().items()}
with torch.device("meta"):  # trained parameters of the deepest one, which no table lists
    tensors["resnet200/parameters"] = np.array([sum(p.numel() for p in encoder(200, 1, "imagenet").parameters())], dtype=np.int32)
save_file(tensors, Path(__file__).parent / "networks.safetensors", {"torch": "2.15.0", "torchvision": "0.29.2"})
