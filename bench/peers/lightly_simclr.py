"""Pretraining as a plain lightly script does it: the peer of the benchmark `pipeline`. One process, no pipeline around it.

    lightly_simclr.py FOLDER OUT --epochs 3 --precision float32 --workers 0

Same images, network (ResNet-18 of width 0.5, 3×3 stem), head, loss, batch, optimizer and number of steps as the recipe
bench/recipes/pipeline.yaml. Images are decoded once, into memory; the representation is saved at the end. Prints one object with the
seconds of each part.
"""

import argparse
import json
import math
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from lightly.loss import NTXentLoss
from lightly.models import ResNetGenerator
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from lightly.utils.lars import LARS
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

BATCH = 64
WIDTH = 0.5


def decoded(folder):
    """Images of a folder of classes."""
    return [Image.open(file).convert("RGB") for file in sorted(Path(folder).glob("*/*.jpg"))]


class DecodedImages(Dataset):
    """Images in memory; an item is the list of its two views."""

    def __init__(self, images, size=32, min_area=0.08, jitter=0.5):
        self.images = images
        self.transform = SimCLRTransform(input_size=size, min_scale=min_area, cj_strength=jitter, gaussian_blur=0.0)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index])


class SimCLR(nn.Module):
    """lightly's SimCLR example on its CIFAR ResNet, with SimCLRv2's head of three layers."""

    def __init__(self, width=WIDTH):
        super().__init__()
        resnet = ResNetGenerator("resnet-18", width=width)
        conv, norm, *groups, _classifier = resnet.children()
        self.backbone = nn.Sequential(conv, norm, nn.ReLU(), *groups, nn.AdaptiveAvgPool2d(1))
        features = int(512 * width)
        self.projection_head = SimCLRProjectionHead(features, features, 64, num_layers=3)

    def forward(self, x):
        return self.projection_head(self.backbone(x).flatten(start_dim=1))


def train(model, loader, epochs, precision, groups=None):
    """The training loop; `groups` of parameters in place of one for all. Returns its last loss."""
    criterion = NTXentLoss(temperature=0.2)
    peak = 0.2 * math.sqrt(BATCH)
    optimizer = LARS(groups or model.parameters(), lr=peak, momentum=0.9, weight_decay=1e-4)
    steps = epochs * len(loader)
    warmup = len(loader)

    def rate(step):
        return step / warmup if step < warmup else (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()
    for epoch in range(epochs):
        for x0, x1 in loader:
            with autocast:
                z0, z1 = model(x0), model(x1)
            loss = criterion(z0.float(), z1.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)
    return loss.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--workers", type=int, default=0)
    wanted = parser.parse_args()
    begun = time.perf_counter()
    torch.manual_seed(1)
    images = DecodedImages(decoded(wanted.folder))
    loaded = time.perf_counter()
    loader = DataLoader(
        images,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=wanted.workers,
        persistent_workers=wanted.workers > 0,
    )
    model = SimCLR()
    loss = train(model, loader, wanted.epochs, wanted.precision)
    trained = time.perf_counter()
    torch.save(model.state_dict(), wanted.out)
    print(json.dumps({"decode": loaded - begun, "train": trained - loaded, "loss": loss}))


if __name__ == "__main__":
    main()
