"""pytorch-fid's InceptionV3 on tensors in [-1, 1]: its weights, preprocessing and values, in half the time on a CPU."""

import hashlib
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError, DataSpec
from ganctl.download import fetch, hash_of
from ganctl.pretrained import check_channels, fold_batch_norms

FILE_NAME = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE_NAME}"
HASH_PREFIX = "6726825d"  # of the SHA-256, as torch hub writes it into file names
NUM_LOGITS = 1008


class Inception:
    """The pool3 features (N, 2048) and the 1008 logits of pytorch-fid's InceptionV3 (Heusel et al. 2017).

    Images of any size are resized to 299x299 bilinearly without anti-aliasing, as pytorch-fid does; grey ones are
    repeated to three channels. `weights` is a file; None means torch hub's cache, or a download from `url` of at most
    `max_download_seconds`. Batch norms are folded into the convolutions before them, which changes features by their
    last bits in float32 (by 4e-6 of their standard deviation at most, where it was measured).

    With other weights than pytorch-fid's the extractor is called `inception_<hash>`, so that its distance is not taken
    for an FID. `precision` bf16 runs the convolutions in bfloat16, which changes features by some hundredths of their
    standard deviation: its name ends in `_bf16`, and its hash is another.
    """

    num_classes = NUM_LOGITS
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
            raise ArgumentError("precision", precision, "must be fp32 or bf16")
        path = find_weights(weights, url=url, max_download_seconds=max_download_seconds)
        digest = hash_of(path, "sha256")
        self.name = "inception" if digest.startswith(HASH_PREFIX) else f"inception_{digest[:8]}"
        self.weights_hash, self.precision, self.device = digest, precision, torch.device(device)
        if precision == "bf16":
            self.name += "_bf16"
            self.weights_hash = hashlib.sha256(f"{digest} in bf16".encode()).hexdigest()
        network = unfilled_network()
        try:
            network.load_state_dict(read_state(path), assign=True)
        except RuntimeError:
            need = "not the weights of pytorch-fid's InceptionV3; give its file"
            raise ArgumentError("weights", path, need, "null") from None
        self.network = ready(network.to(device=self.device, dtype=torch.float32))

    @classmethod
    def untrained(cls, *, device: torch.device | str = "cpu") -> "Inception":
        """The network with all weights at a hundredth: of no use but to measure how long judging an image takes."""
        self = cls.__new__(cls)
        self.name, self.weights_hash, self.precision = "inception_untrained", "", "fp32"
        self.device = torch.device(device)
        network = unfilled_network().to_empty(device=self.device).requires_grad_(False)
        for tensor in network.state_dict().values():
            tensor.fill_(0.01)
        self.network = ready(network)
        return self

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey or RGB."""
        check_channels(spec)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device=self.device, dtype=torch.float32).expand(-1, 3, -1, -1)
        with torch.autocast(self.device.type, enabled=False):
            # By way of [0, 1] and back, because pytorch-fid does, and to its last bit.
            hidden = functional.interpolate((images + 1) / 2, size=(299, 299), mode="bilinear", align_corners=False)
            hidden = (2 * hidden - 1).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                *body, _dropout, head = self.network.children()
                for layer in body:
                    hidden = layer(hidden)
            features = hidden.flatten(start_dim=1).float()
            return features, head(features)


def ready(network: nn.Module) -> nn.Module:
    """The network as it is called: without batch norms, its colours side by side in memory."""
    fold_batch_norms(network.eval().requires_grad_(False))
    return network.to(memory_format=torch.channels_last)


def unfilled_network() -> nn.Module:
    """torchvision's Inception3 with pytorch-fid's blocks in place, its parameters without values or memory yet.

    `pytorch_fid.inception.fid_inception_v3` is the same but downloads its weights whenever it is called.
    """
    import torchvision
    from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2

    with torch.device("meta"):
        network = torchvision.models.inception_v3(
            num_classes=NUM_LOGITS, aux_logits=False, weights=None, init_weights=False
        )
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


def cached_file() -> Path:
    """Where torch hub and pytorch-fid keep the weights, whether they are there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME


def find_weights(weights: str | None, *, url: str, max_download_seconds: float) -> Path:
    """The file of weights: `weights` if given, else torch hub's cache, filled from `url` where it is empty.

    Only a file from the cache or the network has to be pytorch-fid's own. Raises ArgumentError where there is none.
    """
    path = Path(weights).expanduser() if weights else cached_file()
    if weights and not path.is_file():
        raise refusal(weights, "no such file")
    if path.is_file():
        if not weights and not hash_of(path, "sha256").startswith(HASH_PREFIX):
            raise refusal(None, f"{path} is damaged, its SHA-256 does not begin with {HASH_PREFIX}; delete it")
        return path
    if max_download_seconds <= 0:
        raise refusal(None, f"no weights at {path}, and downloads are off (max_download_seconds=0)")
    try:
        fetch([url], path, algorithm="sha256", checksum=HASH_PREFIX, seconds=max_download_seconds)
    except OSError as error:
        raise refusal(None, f"no weights at {path}, and the download failed ({error})") from None
    return path


def refusal(weights: str | Path | None, what: str) -> ArgumentError:
    """The error for `weights` that cannot be had or read, with the cures."""
    need = f"{what}; put {FILE_NAME} into {cached_file().parent}, or judge by efficientnet_lite2, offline"
    return ArgumentError("weights", "null" if weights is None else weights, need, "FILE")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that torch.save wrote, running no code of it. Raises ArgumentError, also if compressed."""
    size = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > size:
                    raise ValueError("compressed")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the bytes lead it to, an IndexError for plain text
        raise refusal(path, f"not a file of weights, or truncated ({type(error).__name__})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise refusal(path, "holds something else than named tensors")
    if sum(value.numel() * value.element_size() for value in state.values()) > size:
        raise refusal(path, "its tensors are larger than the file")
    return state
