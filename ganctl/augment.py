"""Augmentation of what a discriminator sees, real and generated images alike, differentiably: for learning from few.

Only the discriminator's input is changed, so that the generator learns the images as they are (Zhao et al. 2020,
arXiv:2006.10738; Karras et al. 2020, arXiv:2006.06676). Each class here is a `Perturbation`: it stands inside the
critic, so that a gradient penalty is on the gradient at the image before it is augmented, as in StyleGAN2-ADA's code.
What is observed is so of all images, on any number of processes.

Values outside the ranges of their YAML files raise ArgumentError.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganctl.collective import mean, processes
from ganctl.contract import Verdict
from ganctl.course import ImagesSeen, half_cosine
from ganctl.ranges import in_range
from ganctl.shapes import Alike
from ganctl.transform import Transforms


class DiffAugment(Transforms):
    """DiffAugment (Zhao et al. 2020, arXiv:2006.10738, section 3.2): the transforms of `policy` on every image."""

    every: ClassVar[int] = 1
    steady: ClassVar[bool] = True  # the same at every step

    def perturb(self, images: Alike, step: int) -> Alike:
        return self.transformed(images, 1.0)


class Adaptive:
    """ADA (Karras et al. 2020, arXiv:2006.06676, section 3.1): the probability of each transform follows overfitting.

    r_t = E[sign(D(x))] over the real images since the last adjustment, as the discriminator saw them; each `interval`
    steps p rises where r_t is above `target` and falls where it is below, by as much as leads from 0 to 1 in
    `speed_kimg` thousand real images. It begins at 0. `transforms` are the settings of `Transforms`; the paper's
    general geometry, hue and luma flip are left out of its pipeline, and what comes from outside is 0, not mirrored.

    The sign means something where a loss draws real and generated images to either side of 0; it does not with
    loss=wasserstein, relativistic and least_squares. p is logged, and a `Memory`.
    """

    every: ClassVar[int] = 1

    def __init__(self, *, target: float = 0.6, interval: int = 4, speed_kimg: float = 500.0, **transforms: Any) -> None:
        self.target = in_range("target", target, "(-1, 1)", cure=0.6)
        self.interval = in_range("interval", interval, "[1, inf)", cure=4)
        self.speed_kimg = in_range("speed_kimg", speed_kimg, "(0, inf)", cure=500)
        self.transforms = Transforms(**transforms)
        self.p, self.images, self.adjusted = 0.0, 0, -1  # `adjusted`: the step that p was adjusted before
        self.signs: float | Tensor = 0.0  # summed over `images`; on the device, so that no step waits for it

    def perturb(self, images: Alike, step: int) -> Alike:
        if step % self.interval == 0 and step != self.adjusted:  # once, before the step's first update
            self._adjust()
            self.adjusted = step
        return self.transforms.transformed(images, self.p)

    def observe(self, real: Verdict, fake: Verdict) -> None:
        images = len(real.logits) * processes()
        self.signs = self.signs + mean(real.logits.detach().sign().mean()) * images
        self.images += images

    def readings(self) -> dict[str, Tensor]:
        return {"p": torch.tensor(self.p)}

    def state_dict(self) -> dict[str, Any]:
        return {"p": self.p, "images": self.images, "signs": float(self.signs)}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        self.p, self.images, self.signs = content["p"], content["images"], content["signs"]
        self.adjusted = -1  # what is saved is saved between steps, and the next may be one that was done before

    def _adjust(self) -> None:
        overfitting = float(self.signs) / max(1, self.images)
        way = (overfitting > self.target) - (overfitting < self.target)
        self.p = min(1.0, max(0.0, self.p + way * self.images / (1000 * self.speed_kimg)))
        self.images, self.signs = 0, 0.0


class Scheduled(ImagesSeen):
    """Each transform with a probability that rises along a half cosine (Huang et al. 2024, arXiv:2501.05441, R3GAN).

    p = `probability` (1 - cos(pi t)) / 2, with t the share that is over of the first `ramp_kimg` thousand real images;
    then it stays. `transforms` are the settings of `Transforms`. The number of images is a `Memory`; p is logged.
    """

    every: ClassVar[int] = 1

    def __init__(self, *, probability: float = 0.3, ramp_kimg: float = 500.0, **transforms: Any) -> None:
        super().__init__()
        self.probability = in_range("probability", probability, "[0, 1]", cure=0.3)
        self.ramp_kimg = in_range("ramp_kimg", ramp_kimg, "(0, inf)", cure=500)
        self.transforms = Transforms(**transforms)

    @property
    def p(self) -> float:
        share = min(1.0, self.images / (1000 * self.ramp_kimg))
        return half_cosine(0.0, self.probability, share)

    def perturb(self, images: Alike, step: int) -> Alike:
        return self.transforms.transformed(images, self.p)

    def readings(self) -> dict[str, Tensor]:
        return {"p": torch.tensor(self.p)}
