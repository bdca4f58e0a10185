"""The peer of contestants/distil.ts."""

import torch
from networks import classifier
from optimizers import Nesterov
from serve import serve
from setting import DEVICE, arguments, as_tensor, compiled, laid_out, made_up_pixels, precision, training
from torch import nn
from torch.nn import functional as F

setting = arguments()
pixels = made_up_pixels(setting)


def build():
    teacher = laid_out(classifier(setting.depth, setting.size), setting).eval()
    nn.init.normal_(teacher[-1].weight, std=0.1)  # all zeros it would have nothing to say
    student = laid_out(classifier(setting.depth, setting.size, width=0.5), setting)
    teach = compiled(lambda images: teacher(images.float() / 255).float().softmax(1), setting)

    def loss_of(images, answers):
        return F.cross_entropy(student(images.float() / 255).float(), answers)

    def batch():
        images = as_tensor(pixels, setting)
        with torch.no_grad(), precision(setting):
            return images, teach(images)

    return training(Nesterov(student, 1e-4), loss_of, batch, setting)


serve(build, DEVICE)
