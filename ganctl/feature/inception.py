"""pytorch-fid's InceptionV3 on tensors in [-1, 1]: its weights, preprocessing and values, in half the time on a CPU."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import DataSpec
from ganctl.feature.inception_weights import HASH_PREFIX, URL, find_weights, read_state, sha256

BODY = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c", "avgpool"),
)


class Inception:
    """The pool3 features (N, 2048) and the 1008 logits of pytorch-fid's InceptionV3 (Heusel et al. 2017).

    Images of any size are resized to 299x299 bilinearly without anti-aliasing, as pytorch-fid does; grey ones are
    repeated to three channels. `weights` is a file; None means torch hub's cache, or a download from `url` of at most
    `max_download_seconds`. Batch norms are folded into the convolutions before them, which changes features by their
    last bits in float32 (by 4e-6 of their standard deviation at most, where it was measured).

    With other weights than pytorch-fid's the extractor is called `inception_<hash>`, so that its distance is not taken
    for an FID. `precision` bf16 runs the convolutions in bfloat16, which changes features by some hundredths of their
    standard deviation: its name ends in `_bf16`, and its hash is another. Raises ValueError where no weights can be
    had, and for another precision.
    """

    num_classes = 1008
    resizing = "bilinear to 299x299 without anti-aliasing, as pytorch-fid"

    def __init__(
        self,
        *,
        weights: str | None = None,
        url: str = URL,
        max_download_seconds: float = 120,
        precision: str = "fp32",
        device: torch.device | str = "cpu",
    ):
        if precision not in ("fp32", "bf16"):
            raise ValueError(f"feature.precision={precision}: must be fp32 or bf16")
        path = find_weights(weights, url=url, max_download_seconds=max_download_seconds)
        digest = sha256(path)
        self.name = "inception" if digest.startswith(HASH_PREFIX) else f"inception_{digest[:8]}"
        self.weights_hash, self.precision, self.device = digest, precision, torch.device(device)
        if precision == "bf16":
            self.name += "_bf16"
            self.weights_hash = hashlib.sha256(f"{digest} in bf16".encode()).hexdigest()
        self.network = unfilled_network()
        try:
            self.network.load_state_dict(read_state(path), assign=True)
        except RuntimeError:
            raise ValueError(
                f"feature.weights={path}: not the weights of pytorch-fid's InceptionV3; "
                "remove feature.weights, or give its file"
            ) from None
        self.network.to(device=self.device, dtype=torch.float32)
        self._make_ready()

    def _make_ready(self) -> None:
        """The network as it is called: without batch norms, its colours side by side in memory."""
        self.network.eval().requires_grad_(False)
        fold_batch_norms(self.network)
        self.network.to(memory_format=torch.channels_last)

    @classmethod
    def untrained(cls, *, device: torch.device | str = "cpu") -> Inception:
        """The network with all weights at a hundredth: of no use but to measure how long judging an image takes."""
        self = cls.__new__(cls)
        self.name, self.weights_hash, self.precision = "inception_untrained", "", "fp32"
        self.device = torch.device(device)
        self.network = unfilled_network().to_empty(device=self.device).requires_grad_(False)
        for tensor in (*self.network.parameters(), *self.network.buffers()):
            tensor.fill_(0.01)
        self._make_ready()
        return self

    @property
    def seconds_per_image(self) -> float:
        """A rough figure, for estimates before anything is measured: 0.15 s on a CPU core or two, 2 ms on a GPU."""
        return 0.15 if self.device.type == "cpu" else 2e-3

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey or RGB."""
        if spec.image_shape[0] not in (1, 3):
            raise ValueError(
                f"feature=inception: judges images of 1 or 3 channels, and {spec.name} has {spec.image_shape[0]}"
            )

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device=self.device, dtype=torch.float32)
        images = images.expand(-1, 3, -1, -1)
        with torch.autocast(self.device.type, enabled=False):
            # By way of [0, 1] and back, because pytorch-fid does, and to its last bit.
            hidden = functional.interpolate((images + 1) / 2, size=(299, 299), mode="bilinear", align_corners=False)
            hidden = (2 * hidden - 1).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                for name in BODY:
                    hidden = self.network.get_submodule(name)(hidden)
            features = hidden.flatten(start_dim=1).float()
            return features, self.network.get_submodule("fc")(features)


def fold_batch_norms(network: nn.Module) -> None:
    """Puts each batch norm y = (x - mean) / sqrt(variance + eps) weight + bias into the convolution that gives its x.

    In place, for networks in `eval` mode whose blocks hold the two as `conv` and `bn`, as torchvision's Inception3 does
    (its eps is 0.001). The products are taken in float64 and rounded once.
    """
    for block in network.modules():
        conv, norm = getattr(block, "conv", None), getattr(block, "bn", None)
        if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
            continue
        assert norm.running_var is not None and norm.running_mean is not None and conv.bias is None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weight = (conv.weight.double() * scale[:, None, None, None]).float()
        conv.weight = nn.Parameter(weight, requires_grad=False)
        conv.bias = nn.Parameter(bias.float(), requires_grad=False)
        block.bn = nn.Identity()


def unfilled_network() -> nn.Module:
    """torchvision's Inception3 with pytorch-fid's blocks in place, its parameters without values or memory yet.

    `pytorch_fid.inception.fid_inception_v3` is the same but downloads its weights whenever it is called.
    """
    import torchvision
    from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2

    with torch.device("meta"):
        network = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
        network.Mixed_5b = FIDInceptionA(192, pool_features=32)
        network.Mixed_5c = FIDInceptionA(256, pool_features=64)
        network.Mixed_5d = FIDInceptionA(288, pool_features=64)
        network.Mixed_6b = FIDInceptionC(768, channels_7x7=128)
        network.Mixed_6c = FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6d = FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6e = FIDInceptionC(768, channels_7x7=192)
        network.Mixed_7b = FIDInceptionE_1(1280)
        network.Mixed_7c = FIDInceptionE_2(2048)
    return network
