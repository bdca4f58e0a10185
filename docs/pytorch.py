"""Networks of fewlabels in PyTorch, from files that `fewlabels export` wrote.

    model, facts = load("student-pytorch.safetensors")
    logits = model(images)        # float32 RGB from 0 to 1, [B, 3, size, size]: no mean is taken off, nothing is divided
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


class Block(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1; the stride is on the 3×3."""

    def __init__(self, source: int, inner: int, target: int, stride: int, bottleneck: bool, shortcut: bool):
        super().__init__()
        sizes = ((1, 1), (3, stride), (1, 1)) if bottleneck else ((3, stride), (3, 1))
        widths = [source, *[inner] * (len(sizes) - 1), target]
        self.count = len(sizes)
        for i, (size, step) in enumerate(sizes, 1):
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], size, step, size // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(widths[i]))
        self.downsample = (
            nn.Sequential(nn.Conv2d(source, target, 1, stride, bias=False), nn.BatchNorm2d(target)) if shortcut else nn.Identity()
        )

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.count else y
        return F.relu(y + self.downsample(x))


class Network(nn.Module):
    """Encoder, the head layers that are kept, and the classifier where there is one. Names are torchvision's."""

    def __init__(self, encoder: dict, headLayers: int, classes: int, **_rest):  # noqa: N803, names as they are in the file
        super().__init__()
        self.stem = encoder["stem"]
        self.same = encoder.get("padding", "simclr") == "simclr"
        bottleneck = encoder["depth"] >= 50
        channels = [max(8, int(64 * 2**group * encoder["width"] + 0.5)) for group in range(4)]
        size, stride = (3, 1) if self.stem == "small" else (7, 2)
        self.conv1 = nn.Conv2d(3, channels[0], size, stride, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        source = channels[0]
        for group, inner in enumerate(channels):
            target = 4 * inner if bottleneck else inner
            blocks = []
            for i in range(BLOCKS[encoder["depth"]][group]):
                stride = 2 if i == 0 and group > 0 else 1
                changes = stride > 1 or source != target
                shortcut = i == 0 and (changes or encoder.get("shortcut", "simclr") == "simclr")
                blocks.append(Block(source, inner, target, stride, bottleneck, shortcut))
                source = target
            self.add_module(f"layer{group + 1}", nn.Sequential(*blocks))
        kept = headLayers if classes else 0  # a representation gives its features
        self.head = nn.Sequential(*[nn.Sequential(nn.Linear(source, source, bias=False), nn.BatchNorm1d(source), nn.ReLU()) for _ in range(kept)])
        self.fc = nn.Linear(source, classes) if classes else nn.Identity()

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
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
