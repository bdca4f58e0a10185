"""The peer of contestants/finetune.ts."""

import numpy as np
import torch
from networks import CLASSES, classifier
from optimizers import Nesterov
from serve import serve
from setting import DEVICE, PLACE, arguments, as_tensor, laid_out, made_up_pixels, training
from torch.nn import functional as F

setting = arguments()
pixels = made_up_pixels(setting)
labels = np.arange(setting.images) % CLASSES


def build():
    network = laid_out(classifier(setting.depth, setting.size), setting)

    def loss_of(images, labels):
        return F.cross_entropy(network(images.float() / 255).float(), labels)

    batch = lambda: (as_tensor(pixels, setting), torch.from_numpy(labels).to(PLACE))
    return training(Nesterov(network, 1e-4), loss_of, batch, setting)


serve(build, DEVICE)
