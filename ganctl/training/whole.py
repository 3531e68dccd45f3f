"""Layers of a network that trains in several processes, made to do what they would do for the whole batch in one."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganctl.collective import draw_like, processes, var_mean


def of_the_whole(network: nn.Module, *, sync_batch_norm: bool) -> nn.Module:
    """`network` itself, whose dropout, and with `sync_batch_norm` batch norm, is that of the batch of all processes.

    Parameters, buffers and their names stay. A class of one's own that is derived from such a layer stays as it is
    where it has a `forward` of its own.
    """
    if processes() == 1:
        return network
    for module in network.modules():
        kind = type(module)
        if kind is nn.Dropout:
            module.__class__ = WholeDropout
        elif sync_batch_norm and isinstance(module, _BatchNorm) and kind.forward is _BatchNorm.forward:
            module.__class__ = type(f"Whole{kind.__name__}", (_WholeBatchNorm, kind), {})
    return network


class WholeDropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014, JMLR 15) by this process's share of the mask that one process would draw."""

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and 0 < self.p < 1):
            return super().forward(input)
        kept = draw_like(input.detach(), self._kept)
        return input.mul_(kept) if self.inplace else input * kept

    def _kept(self, empty: Tensor, generator: torch.Generator | None) -> Tensor:
        return empty.bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)


class _WholeBatchNorm(_BatchNorm):
    """Batch norm (Ioffe and Szegedy 2015, arXiv:1502.03167, Algorithm 1) by mean and variance over all processes.

    torch's SyncBatchNorm works on GPUs only and cannot be differentiated twice, as penalties on gradients need it.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        dims = [0, *range(2, input.ndim)]
        variance, mean = var_mean(input.float(), dims)
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach(), input.numel() // input.shape[1] * processes())
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        shape = (1, -1, *[1] * (input.ndim - 2))
        return (input * scale.view(shape) + shift.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        buffers: Any = self
        buffers.num_batches_tracked += 1
        momentum = 1 / float(buffers.num_batches_tracked) if self.momentum is None else self.momentum
        buffers.running_mean.lerp_(mean, momentum)
        buffers.running_var.lerp_(variance * (count / (count - 1)), momentum)
