"""The peer of contestants/pretrain.ts."""

from networks import nt_xent, simclr
from optimizers import Lars
from serve import serve
from setting import DEVICE, arguments, as_tensor, laid_out, made_up_pixels, training

setting = arguments()
pixels = made_up_pixels(setting, views=2)


def build():
    network = laid_out(simclr(setting.depth, setting.size), setting)

    def loss_of(images):
        return nt_xent(network(images.float() / 255), 0.5)

    return training(Lars(network, 1e-4), loss_of, lambda: (as_tensor(pixels, setting),), setting)


serve(build, DEVICE)
