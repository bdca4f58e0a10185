"""The optimizers of learning/optimizers in torch, on many tensors at once as torch's own fast ones."""

import torch
from torch import Tensor, nn

MOMENTUM = 0.9
TRUST = 0.001


class Lars:
    """SimCLR's "classic momentum": g + decay*w, rate and trust ratio inside the momentum. Kernels adapt; norms move plainly."""

    def __init__(self, network: nn.Module, weight_decay: float):
        parameters = list(network.parameters())
        self.kernels = [p for p in parameters if p.ndim > 1]
        self.vectors = [p for p in parameters if p.ndim == 1]
        self.weight_decay = weight_decay
        self.kernel_momenta = [torch.zeros_like(p) for p in self.kernels]
        self.vector_momenta = [torch.zeros_like(p) for p in self.vectors]

    def zero_grad(self) -> None:
        for parameter in (*self.kernels, *self.vectors):
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        gradients = [p.grad for p in self.kernels]
        torch._foreach_add_(gradients, self.kernels, alpha=self.weight_decay)
        torch._foreach_mul_(gradients, list((rate * self.trust_ratios(gradients)).unbind()))
        torch._foreach_mul_(self.kernel_momenta, MOMENTUM)
        torch._foreach_add_(self.kernel_momenta, gradients)
        torch._foreach_sub_(self.kernels, self.kernel_momenta)
        torch._foreach_mul_(self.vector_momenta, MOMENTUM)
        torch._foreach_add_(self.vector_momenta, [p.grad for p in self.vectors], alpha=rate)
        torch._foreach_sub_(self.vectors, self.vector_momenta)

    def trust_ratios(self, gradients: list[Tensor]) -> Tensor:
        """0.001*|w| / |g| of each kernel, 1 where a norm is 0: [kernels]."""
        w = torch.stack(torch._foreach_norm(self.kernels))
        g = torch.stack(torch._foreach_norm(gradients))
        return torch.where((w > 0) & (g > 0), TRUST * w / g, 1.0)


class Nesterov:
    """torch's own SGD in its fused form; decay on kernels only."""

    def __init__(self, network: nn.Module, weight_decay: float):
        parameters = list(network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim == 1]},
        ]
        self.inner = torch.optim.SGD(groups, lr=0.1, momentum=MOMENTUM, nesterov=True, fused=True)

    def zero_grad(self) -> None:
        self.inner.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        for group in self.inner.param_groups:
            group["lr"] = rate
        self.inner.step()
