"""How steep a critic is at images: its gradient by them, or what a small step to one side says of it.

Gradients by images are taken in float32 also where the step runs in bfloat16: the images are then judged once more with
autocast off. In float32 the logits that the loss has already paid for are differentiated.
"""

import torch
from torch import Tensor

from ganctl.collective import draw_like, random_states, restore
from ganctl.contract import Critic, Given, Verdict


def squared_slope(verdict: Verdict, critic: Critic, step: float) -> Tensor:
    """`squared_gradient` of it, or with a `step` above 0 `squared_difference`: (N,)."""
    return squared_difference(verdict, critic, step) if step else squared_gradient(verdict, critic)


def squared_gradient(verdict: Verdict, critic: Critic) -> Tensor:
    """||dD(x)/dx||^2 (N,) float32, differentiable itself; the images have `requires_grad`."""
    if torch.is_autocast_enabled(verdict.images.device.type):
        gradient = gradient_at(verdict.images.detach().float(), verdict.shown, critic)
    else:
        gradient = _gradient_of(verdict.logits, verdict.images)
    return gradient.square().sum(1)


def gradient_at(images: Tensor, shown: Given, critic: Critic) -> Tensor:
    """dD(x)/dx (N, C H W) at float32 `images` that have not been judged yet, differentiable itself."""
    with torch.autocast(images.device.type, enabled=False):
        images = images.requires_grad_()
        return _gradient_of(critic(images, **shown), images)


def _gradient_of(logits: Tensor, images: Tensor) -> Tensor:
    """Of each logit by the image, or by the pack of images, that it judges: (N, C H W), (N / m, m C H W)."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.reshape(len(logits), -1)


def squared_difference(verdict: Verdict, critic: Critic, step: float) -> Tensor:
    """(D(x) - D(x + s e))^2 / s^2 (N,) float32 with e ~ N(0, I) and s = `step` (Lin et al. 2025, arXiv:2501.08316).

    D(x + s e) - D(x) = s <g, e> + O(s^2) with g = dD/dx, and E[<g, e>^2] = g^T E[e e^T] g = ||g||^2: but for O(s^2) the
    expectation is the squared gradient. Nothing is differentiated twice; the value of one image scatters by sqrt(2)
    times itself. Where a discriminator gives (N, ...), their sum is meant, as with the gradient.

    A critic that draws, as with an augmentation or dropout, judges both images with the same draws, or these would be
    all of the difference; that takes another pass.
    """
    images, shown = verdict.images.detach().float(), verdict.shown
    rough = torch.is_autocast_enabled(images.device.type)
    with torch.autocast(images.device.type, enabled=False):
        aside = images + step * draw_like(images, torch.Tensor.normal_)
        before = random_states(images.device)
        logits_aside, logits = critic(aside, **shown), verdict.logits
        drew = any(not torch.equal(a, b) for a, b in zip(before, random_states(images.device), strict=True))
        if drew:
            restore(images.device, before)
        if drew or rough:
            logits = critic(images, **shown)
    return ((logits_aside - logits) / step).reshape(len(logits), -1).sum(1).square()
