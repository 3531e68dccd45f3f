"""Fitting a classifier to batches: AdamW, one cycle of the rate, averaged weights; it can be broken off and gone on."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_SAVE_SECONDS = 30.0  # between two states that are saved

Save = Callable[[dict[str, Any]], None]


class Saver:
    """Hands a state to `save` (None: nobody) twice a minute, and when `progress` raises."""

    def __init__(self, save: Save | None) -> None:
        self._save, self._at = save, time.monotonic()

    def after(self, progress: Callable[[], None], state: Callable[[], dict[str, Any]]) -> None:
        try:
            progress()
        except BaseException:
            self._at = -math.inf
            raise
        finally:
            if self._save and time.monotonic() - self._at > _SAVE_SECONDS:
                self._save(state())
                self._at = time.monotonic()


def fit(
    network: nn.Module,
    batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]],
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float = 0.02,
    average_from: float = 0.6,
    bf16: bool = False,
    progress: Callable[[int, int, float], None] | None = None,
    saved: dict[str, Any] | None = None,
    save: Save | None = None,
) -> None:
    """Fits `network(inputs) -> (features, logits)` in place to `batches(first)`: inputs and labels of step first, ...

    From the fraction `average_from` of the `steps` on, a running mean of the weights is kept, and it is what the
    network holds at the end (Izmailov et al. 2018, arXiv:1803.05407, with an exponential mean over 500 steps, or a
    fifth of those averaged). The loss in `progress(step, steps, loss)` is NaN but on each 50th, to save time.

    `save` gets the state, tensors and plain data, as `Saver` does; given back as `saved`, it goes on from there, bit
    for bit, if `batches` are a function of the step.
    """
    device = next(network.parameters()).device
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.2)
    keep = min(0.998, max(0.0, 1 - 5 / max(1.0, (1 - average_from) * steps)))
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(keep), use_buffers=True
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    if saved:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    network.train()
    saver, first = Saver(save), saved["step"] if saved else 0
    for step, (inputs, labels) in enumerate(batches(first), first):
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            _, logits = network(inputs)
        loss = functional.cross_entropy(logits.float(), labels.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= average_from * steps or step + 1 == steps:
            average.update_parameters(network)
        value = loss.item() if progress and (step + 1) % 50 == 0 else math.nan
        told = (lambda done=step + 1, value=value: progress(done, steps, value)) if progress else (lambda: None)
        saver.after(told, lambda done=step + 1: {"step": done, **{n: part.state_dict() for n, part in parts.items()}})
    network.load_state_dict(average.module.state_dict())
    network.eval()
