"""What the peers of our networks share: arguments, threads, made-up images, and a step repeated."""

import argparse
import contextlib
import os

import numpy as np
import torch
from torch import Tensor, nn

DEVICE = "GPU" if torch.cuda.is_available() else "CPU"
PLACE = "cuda" if DEVICE == "GPU" else "cpu"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("depth", type=int)
    parser.add_argument("size", type=int)
    parser.add_argument("images", type=int)
    parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # all cores, as TensorFlow takes them
    if DEVICE == "GPU":
        torch.set_float32_matmul_precision("high")  # TF32 for products as for convolutions, as TensorFlow has it
        torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    return parser.parse_args()


def laid_out(network: nn.Module, setting: argparse.Namespace) -> nn.Module:
    network = network.to(PLACE)
    return network.to(memory_format=torch.channels_last) if setting.layout == "channels_last" else network


def compiled(function, setting: argparse.Namespace):
    return torch.compile(function, dynamic=False) if setting.compile else function


def precision(setting: argparse.Namespace):
    return torch.autocast(PLACE, dtype=torch.bfloat16) if setting.bfloat16 else contextlib.nullcontext()


def made_up_pixels(setting: argparse.Namespace, views: int = 1) -> Tensor:
    """Images of one colour each with noise on it, bytes in the layout the network likes: NHWC or NCHW; pinned for a GPU."""
    count, size = setting.images, setting.size
    colour = (np.arange(1, count + 1)[:, None] * np.arange(1, 4) * 0.37) % 1 * 200
    noise = np.random.default_rng(1).integers(0, 50, (views, count, size, size, 3))
    pixels = (colour[:, None, None] + noise).astype(np.uint8).reshape(-1, size, size, 3)
    laid = torch.from_numpy(pixels if setting.layout == "channels_last" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return laid.pin_memory() if DEVICE == "GPU" else laid


def as_tensor(pixels: Tensor, setting: argparse.Namespace) -> Tensor:
    """Bytes [B, 3, H, W] where the network is; on the host without a copy."""
    tensor = pixels.to(PLACE, non_blocking=True)
    return tensor.permute(0, 3, 1, 2) if setting.layout == "channels_last" else tensor


def training(optimizer, loss_of, batch, setting: argparse.Namespace):
    """An iteration of training. It answers with the loss, read on the host.

    loss_of: of what `batch()` gives
    """
    steps = 0
    loss_of = compiled(loss_of, setting)

    def iterate() -> float:
        nonlocal steps
        optimizer.zero_grad()
        inputs = batch()
        with precision(setting):
            loss = loss_of(*inputs)
        loss.backward()
        optimizer.step(0.1 / (1 + 0.01 * steps))
        steps += 1
        return loss.item()

    return iterate
