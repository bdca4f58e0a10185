"""Networks of fewlabels in PyTorch, from files that `fewlabels export` wrote.

    model, facts = load("student-pytorch.safetensors")
    logits = model(images)        # float32 RGB from 0 to 1, [B, 3, size, size]: do not normalise them, the network does where it learnt so
    facts["classes"][logits[0].argmax()]
    torch.softmax(logits / float(facts.get("temperature", 1)), 1)

Where `facts["evaluationCrop"]` says 0.875, the model was judged on the middle of each image: cut out that share of the side and resize it first.

A student gives logits, a representation its features. Needs torch and safetensors; copy it into your project.
"""

import json

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, where the encoder's are torchvision's


class ShortcutPool(nn.Module):
    """2×2 means, as SimCLR pads ResNet-D: the zeros right and below count at stride 2, and at stride 1 only the cells there are."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        means = F.avg_pool2d(F.pad(x, (0, 1, 0, 1)), 2, self.stride)
        if self.stride == 2:
            return means
        return means / F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), (0, 1, 0, 1)), 2, 1)


class Block(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1; the stride is on the 3×3. With selective kernels the 3×3 has two branches, which are mixed."""

    def __init__(self, source: int, inner: int, target: int, stride: int, bottleneck: bool, shortcut: bool, kernels: bool):
        super().__init__()
        sizes = ((1, 1), (3, stride), (1, 1)) if bottleneck else ((3, stride), (3, 1))
        widths = [source, *[inner] * (len(sizes) - 1), target]
        self.count = len(sizes)
        for i, (size, step) in enumerate(sizes, 1):
            width = 2 * widths[i] if kernels and i == 2 else widths[i]
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 1], width, size, step, size // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(width))
        self.downsample = (
            nn.Sequential(nn.Conv2d(source, target, 1, 1 if kernels else stride, bias=False), nn.BatchNorm2d(target))
            if shortcut
            else nn.Identity()
        )
        self.pool = ShortcutPool(stride) if kernels and shortcut else nn.Identity()
        middle = max(int(inner * 0.0625), 32)
        self.mixing = (
            nn.Sequential(nn.Linear(inner, middle, bias=False), nn.BatchNorm1d(middle), nn.ReLU(), nn.Linear(middle, 2 * inner, bias=False))
            if kernels
            else None
        )

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.count else y
            y = self.mixed(y) if i == 2 and self.mixing is not None else y
        return F.relu(y + self.downsample(self.pool(x)))

    def mixed(self, y):
        """Both branches, channel by channel in shares that the whole map decides."""
        branches = y.unflatten(1, (2, -1))
        shares = self.mixing(branches.sum(1).mean((2, 3))).unflatten(1, (2, -1)).softmax(1)
        return (branches * shares[..., None, None]).sum(1)


class Network(nn.Module):
    """Encoder, the head layers that are kept, and the classifier where there is one. Names are torchvision's, as far as it has them."""

    def __init__(self, encoder: dict, headLayers: int, classes: int, **_rest):  # noqa: N803, names as they are in the file
        super().__init__()
        self.stem = encoder["stem"]
        self.colours = encoder.get("colours", "simclr")
        self.same = encoder.get("padding", "simclr") == "simclr"
        bottleneck = encoder["depth"] >= 50
        channels = [max(8, int(64 * 2**group * encoder["width"] + 0.5)) for group in range(4)]
        kernels = bottleneck and encoder.get("selectiveKernel", False)
        source, half = channels[0], max(8, int(32 * encoder["width"] + 0.5))
        if self.stem == "small":
            layers = [(3, source, 3, 1)]
        else:
            layers = [(3, half, 3, 2), (half, half, 3, 1), (half, source, 3, 1)] if kernels else [(3, source, 7, 2)]
        self.convolutions = len(layers)
        for i, (begin, end, size, stride) in enumerate(layers, 1):
            self.add_module(f"conv{i}", nn.Conv2d(begin, end, size, stride, size // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(end))
        for group, inner in enumerate(channels):
            target = 4 * inner if bottleneck else inner
            blocks = []
            for i in range(BLOCKS[encoder["depth"]][group]):
                stride = 2 if i == 0 and group > 0 else 1
                changes = stride > 1 or source != target
                shortcut = i == 0 and (changes or encoder.get("shortcut", "simclr") == "simclr")
                blocks.append(Block(source, inner, target, stride, bottleneck, shortcut, kernels))
                source = target
            self.add_module(f"layer{group + 1}", nn.Sequential(*blocks))
        kept = headLayers if classes else 0  # a representation gives its features
        self.head = nn.Sequential(*[nn.Sequential(nn.Linear(source, source, bias=False), nn.BatchNorm1d(source), nn.ReLU()) for _ in range(kept)])
        self.fc = nn.Linear(source, classes) if classes else nn.Identity()

    def forward(self, x):
        if self.colours == "torchvision":
            x = (x - x.new_tensor(MEAN).view(3, 1, 1)) / x.new_tensor(DEVIATION).view(3, 1, 1)
        for i in range(1, self.convolutions + 1):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
        if self.stem == "imagenet":
            x = F.max_pool2d(F.pad(x, self.pool_padding(x)), 3, 2)
        for group in range(1, 5):
            x = getattr(self, f"layer{group}")(x)
        return self.fc(self.head(x.mean((2, 3))))

    def pool_padding(self, x) -> list[int]:
        """Left, right, top, bottom. TensorFlow's SAME, as SimCLR has it, pads even sides right and below only."""
        return [pad for side in (x.shape[3], x.shape[2]) for pad in ((0, 1) if self.same and side % 2 == 0 else (1, 1))]


def load(file: str) -> tuple[Network, dict]:
    """The network in evaluation mode, and what the file says of it: architecture, classes, run."""
    with safe_open(file, "pt") as opened:
        facts = {name: json.loads(text) if text[:1] in "[{" else text for name, text in (opened.metadata() or {}).items()}
        weights = {name: opened.get_tensor(name) for name in opened.keys()}
    network = Network(**facts["architecture"])
    wanted = network.state_dict()
    network.load_state_dict({name: weights[name] for name in wanted if not name.endswith("num_batches_tracked")}, strict=False)
    return network.eval(), facts
