"""lightly's side of `npm run bench:learning`: SimCLR as in lightly_simclr.py, then what its representation is worth at each label draw.

    lightly_learning.py FOLDER

FOLDER holds job.json (settings, labels and label draws, see bench/learning/lightly.ts) and the images as ours decoded them, pool.bin and
test.bin, uint8 [N, size, size, 3]. Prints a line an epoch, then an object when the pretraining is over, and one with the scores at the end.
"""

import copy
import io
import json
import math
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy
import torch
from lightly.models.utils import get_weight_decay_parameters
from lightly.transforms.utils import IMAGENET_NORMALIZE
from lightly_simclr import BATCH, DecodedImages, SimCLR, train
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2

# What lightly_simclr.py does, in the words of the recipe.
PRETRAIN = {
    "batch": BATCH,
    "temperature": 0.2,
    "headLayers": 3,
    "projection": 64,
    "optimizer": "lars",
    "learningRate": {"base": 0.2, "scaling": "sqrt"},
    "weightDecay": 1e-4,
    "warmupEpochs": 1,
}
TRIAL_BATCHES = 8
# Linear probe, as learning/frozen/probe.ts has it.
PROBE = {"batch": 512, "epochs": 100, "at_least_steps": 1000, "length": 8}
# Nearest neighbours, as learning/frozen/neighbours.ts has them.
NEIGHBOURS, TEMPERATURE = 200, 0.1


def loader_of(images, workers):
    return DataLoader(
        images, batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )


def pretrain(job, images, epochs, workers, seed):
    """As lightly's benchmarks train: norms and biases without weight decay, for which its LARS leaves the rate as it is."""
    torch.manual_seed(seed)
    model = SimCLR(job["width"])
    decayed, rest = get_weight_decay_parameters([model])
    train(model, loader_of(images, workers), epochs, "float32", [{"params": decayed}, {"params": rest, "weight_decay": 0}])
    return model.backbone


def faster_workers(job, images):
    """One loader worker or none, whichever is faster here. What it trains is thrown away; the first go warms up."""
    some = Subset(images, range(min(len(images), TRIAL_BATCHES * BATCH)))
    seconds = {}
    for workers in (0, 0, 1):
        begun = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            pretrain(job, some, 2, workers, 0)
        seconds[workers] = time.perf_counter() - begun
    return min(seconds, key=seconds.get)


def features_of(backbone, pixels):
    backbone.eval()
    with torch.no_grad():
        return torch.cat([backbone(batch).flatten(1) for batch in pixels.split(256)])


def nearest(features, labels, asked, classes):
    """Classes that lightly's knn_predict gives; its module cannot be imported without pytorch-lightning."""
    k = min(NEIGHBOURS, len(labels))
    similarities, places = (normalize(asked) @ normalize(features).T).topk(k)
    votes = torch.zeros(len(asked), classes).scatter_add(1, labels[places], (similarities / TEMPERATURE).exp())
    return votes.argmax(1)


def sgd(model, classifier, rate, batch, steps):
    """Nesterov momentum from base · batch / 256 down to 0 on a cosine; the classifier at its share of that."""
    own = set(classifier.parameters())
    groups = [
        {"params": [p for p in model.parameters() if p not in own]},
        {"params": list(own), "lr": rate["base"] * rate["classifier"] * batch / 256},
    ]
    optimizer = torch.optim.SGD([g for g in groups if g["params"]], lr=rate["base"] * batch / 256, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)

    def take(x, y):
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

    return take


def probe(features, labels, asked, classes, rate):
    """Classes of a linear classifier on features that stay as they are, centred and brought to one length."""
    mean = features.mean(0)
    scale = PROBE["length"] / (features - mean).square().sum(1).mean().sqrt()
    known, asked = (features - mean) * scale, (asked - mean) * scale
    batch = min(PROBE["batch"], len(labels))
    per_epoch = len(labels) // batch
    epochs = max(PROBE["epochs"], math.ceil(PROBE["at_least_steps"] / per_epoch))
    linear = nn.Linear(features.shape[1], classes)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    take = sgd(linear, linear, rate, batch, epochs * per_epoch)
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        for i in range(per_epoch):
            rows = order[i * batch : (i + 1) * batch]
            take(known[rows], labels[rows])
    with torch.no_grad():
        return linear(asked).argmax(1)


class LabelledImages(Dataset):
    """Crops and flips, as SimCLR fine-tunes, and the label."""

    def __init__(self, images, labels, size, min_area):
        self.images, self.labels = images, labels
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(size, scale=(min_area, 1.0)),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(**IMAGENET_NORMALIZE),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


def finetune(backbone, images, draw, asked, classes, rate):
    """Classes of the encoder and a linear classifier, trained together on the labelled images."""
    backbone = copy.deepcopy(backbone)
    with torch.no_grad():
        features = backbone.eval()(asked[:1]).numel()
    model = nn.Sequential(backbone, nn.Flatten(), nn.Linear(features, classes)).train()
    loader = DataLoader(images, batch_size=draw["batch"], shuffle=True, drop_last=True)
    take = sgd(model, model[-1], rate, draw["batch"], draw["steps"])
    for _ in range(draw["steps"] // len(loader)):
        for x, y in loader:
            take(x, y)
    return features_of(model, asked).argmax(1)


def scores_of(job, backbone, images, pixels):
    """Accuracy on the test images of every measure, at every rate it is tried with, of every label draw."""
    classes = job["classes"]
    truth = torch.tensor(job["test"])
    labels = torch.tensor(job["pool"])
    features = {role: features_of(backbone, pixels[role]) for role in pixels}
    scores = []

    def count(score, draw, predicted, rate=None):
        accuracy = (predicted == truth).sum().item() / len(truth)
        scores.append({"score": score, "fraction": draw["fraction"], "accuracy": accuracy, "rate": rate and rate["base"]})

    for draw in job["draws"]:
        positions = torch.tensor(draw["positions"])
        known, right = features["pool"][positions], labels[positions]
        count("knn", draw, nearest(known, right, features["test"], classes))
        for rate in job["rates"]["probe"]:
            torch.manual_seed(job["seed"])
            count("probe", draw, probe(known, right, features["test"], classes, rate), rate)
        labelled = LabelledImages([images[i] for i in draw["positions"]], right, job["size"], job["views"]["minArea"])
        for rate in job["rates"]["finetuned"]:
            torch.manual_seed(job["seed"])
            count("finetuned", draw, finetune(backbone, labelled, draw, pixels["test"], classes, rate), rate)
        print(f"{100 * draw['fraction']:g} % of the labels, {len(positions)} images: done", flush=True)
    return scores


def as_tensor(pixels):
    """What the network sees of an image without views, as SimCLRTransform ends: [N, 3, size, size]."""
    mean, deviation = (torch.tensor(IMAGENET_NORMALIZE[key]).view(3, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / deviation


def main():
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    wrong = {key: job["pretrain"][key] for key, value in PRETRAIN.items() if job["pretrain"][key] != value}
    if wrong:
        sys.exit(f"Cannot compare as this script pretrains with {PRETRAIN}: the recipe has {wrong}")
    size = job["size"]
    arrays = {
        role: numpy.fromfile(folder / f"{role}.bin", numpy.uint8).reshape(-1, size, size, 3) for role in ("pool", "test")
    }
    images = [Image.fromarray(pixels) for pixels in arrays["pool"]]
    twice = DecodedImages(images, size, job["views"]["minArea"], job["views"]["jitter"])
    begun = time.perf_counter()
    workers = faster_workers(job, twice)
    trial = time.perf_counter() - begun
    backbone = pretrain(job, twice, job["pretrain"]["epochs"], workers, job["seed"])
    print(json.dumps({"workers": workers, "trial": trial}), flush=True)
    scores = scores_of(job, backbone, images, {role: as_tensor(pixels) for role, pixels in arrays.items()})
    print(json.dumps({"scores": scores}), flush=True)


if __name__ == "__main__":
    main()
