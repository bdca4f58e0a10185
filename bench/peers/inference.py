"""The peer of contestants/inference.ts. Compiled, its weights are frozen, which is torch's fastest form."""

import torch
import torch._inductor.config
from networks import classifier
from serve import serve
from setting import DEVICE, arguments, as_tensor, compiled, laid_out, made_up_pixels, precision

setting = arguments()
pixels = made_up_pixels(setting)
torch._inductor.config.freezing = True


def build():
    network = laid_out(classifier(setting.depth, setting.size), setting).eval()
    answer = compiled(lambda images: network(images.float() / 255).float().softmax(1), setting)

    def iterate() -> None:
        with torch.inference_mode(), precision(setting):
            answer(as_tensor(pixels, setting)).cpu().numpy()

    return iterate


serve(build, DEVICE)
