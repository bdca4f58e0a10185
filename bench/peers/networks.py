"""The networks of learning/networks in torch: ResNet as SimCLR builds it, projection head, classifier."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
CLASSES = 10


def conv(source: int, target: int, size: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(source, target, size, stride, padding=size // 2, bias=False)
    nn.init.trunc_normal_(layer.weight, std=(1 / (size * size * source)) ** 0.5)
    return layer


def norm(channels: int, gamma: float = 1) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    nn.init.constant_(layer.weight, gamma)
    return layer


class Block(nn.Module):
    """ReLU(shortcut + branch); the last gamma of the branch starts at 0."""

    def __init__(self, source: int, inner: int, stride: int, first: bool, bottleneck: bool):
        super().__init__()
        target = 4 * inner if bottleneck else inner
        sizes = (1, 3, 1) if bottleneck else (3, 3)
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        widths = (source, inner, inner, target) if bottleneck else (source, inner, target)
        layers: list[nn.Module] = []
        for i, (size, step) in enumerate(zip(sizes, strides)):
            last = i == len(sizes) - 1
            layers += [conv(widths[i], widths[i + 1], size, step), norm(widths[i + 1], 0 if last else 1)]
            layers += [] if last else [nn.ReLU(inplace=True)]
        self.branch = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(conv(source, target, 1, stride), norm(target)) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x), inplace=True)


def stem(channels: int, size: int) -> list[nn.Module]:
    """The small one up to 64 px, ImageNet's beyond."""
    if size <= 64:
        return [conv(3, channels, 3, 1), norm(channels), nn.ReLU(inplace=True)]
    return [conv(3, channels, 7, 2), norm(channels), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1)]


def encoder(depth: int, size: int, width: float = 1) -> tuple[nn.Sequential, int]:
    """Images [B, 3, H, W] to features [B, F]; and F."""
    channels = [round(base * width) for base in (64, 128, 256, 512)]
    bottleneck = depth == 50
    layers: list[nn.Module] = stem(channels[0], size)
    source = channels[0]
    for group, (count, inner) in enumerate(zip(BLOCKS[depth], channels)):
        for i in range(count):
            layers.append(Block(source, inner, 2 if i == 0 and group > 0 else 1, i == 0, bottleneck))
            source = 4 * inner if bottleneck else inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), source


def head_layer(source: int, target: int) -> list[nn.Module]:
    dense = nn.Linear(source, target, bias=False)
    nn.init.normal_(dense.weight, std=0.01)
    return [dense, nn.BatchNorm1d(target)]


def simclr(depth: int, size: int, projection: int = 128) -> nn.Sequential:
    """Encoder and a projection head of three layers; its last norm has no beta."""
    body, features = encoder(depth, size)
    inner = [layer for _ in range(2) for layer in (*head_layer(features, features), nn.ReLU(inplace=True))]
    last = head_layer(features, projection)
    last[1].register_parameter("bias", None)
    return nn.Sequential(body, *inner, *last)


def classifier(depth: int, size: int, width: float = 1) -> nn.Sequential:
    """Encoder, the first layer of its projection head, and a classifier of zeros."""
    body, features = encoder(depth, size, width)
    top = nn.Linear(features, CLASSES)
    nn.init.zeros_(top.weight)
    nn.init.zeros_(top.bias)
    return nn.Sequential(body, *head_layer(features, features), nn.ReLU(inplace=True), top)


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """learning/losses/nt-xent.ts. z: [2N, D]; rows i and i + N are the two views of image i."""
    count = z.shape[0]
    unit = F.normalize(z.float(), dim=1)
    itself = torch.eye(count, dtype=torch.bool, device=z.device)
    logits = (unit @ unit.T / temperature).masked_fill(itself, -1e9)
    partners = torch.arange(count, device=z.device).roll(count // 2)
    return F.cross_entropy(logits, partners)
