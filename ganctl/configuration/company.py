"""Parts and settings that are known not to go well together: a rule each, with its reason, for one line of warning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LENGTHS = ("GradientPenalty", "Dragan")
_GRADIENTS = ("R1", "R2", *_LENGTHS)


@dataclass(frozen=True)
class Parts:
    """What the rules ask of a composed configuration (plain data, resolved)."""

    values: Mapping[str, Any]

    def kind(self, group: str) -> str:
        """The class of a group's part, without its package."""
        return str(self.get(group, "_target_")).rpartition(".")[2]

    def get(self, group: str, key: str, default: Any = None) -> Any:
        node = self.values.get(group)
        return node.get(key, default) if isinstance(node, Mapping) else default

    def penalties(self, *kinds: str) -> list[str]:
        """The names of the chosen regularizers of these classes whose weight is not 0."""
        nodes = self.values.get("regularizer") or {}
        return [
            name
            for name, node in nodes.items()
            if str(node.get("_target_")).rpartition(".")[2] in kinds and node.get("weight") != 0
        ]

    def terms(self, *kinds: str) -> list[str]:
        """The names of the chosen terms of these classes."""
        nodes = self.values.get("term") or {}
        return [name for name, node in nodes.items() if str(node.get("_target_")).rpartition(".")[2] in kinds]

    def strong(self) -> list[str]:
        """The gradient penalties but for light R1 and R2."""
        weights = {name: node.get("weight") or 0 for name, node in (self.values.get("regularizer") or {}).items()}
        return [*self.penalties(*_LENGTHS), *(n for n in self.penalties("R1", "R2") if weights[n] > 1)]

    def is_adaptive(self) -> bool:
        """Whether the augmentation follows the sign of the logits."""
        nodes = self.values.get("augment") or {}
        return any(str(node.get("_target_")).endswith(".Adaptive") for node in nodes.values())

    def rates(self) -> list[float]:
        """The learning rates of both networks."""
        both = [self.get("optimizer", side, {}).get("lr") for side in ("generator", "discriminator")]
        return [rate for rate in both if isinstance(rate, int | float)]

    def is_adam(self) -> bool:
        return self.kind("optimizer").startswith("Adam")


@dataclass(frozen=True)
class Rule:
    """`applies` to a configuration, `what` is wrong with it, the `reason` with its paper, and the `cure`."""

    applies: Callable[[Parts], object]
    what: Callable[[Parts], str]
    reason: str
    cure: str


RULES = (
    Rule(
        lambda p: (
            p.kind("loss") == "Wasserstein"
            and not p.penalties(*_LENGTHS, "WeightClipping")
            and not p.get("discriminator", "spectral_norm")
        ),
        lambda p: "the Wasserstein loss without its constraint",
        "it needs a 1-Lipschitz discriminator, or its losses grow without end (Arjovsky et al. 2017)",
        "add regularizer=[gradient_penalty] discriminator=dcgan_critic, or discriminator.spectral_norm=true",
    ),
    Rule(
        lambda p: p.kind("loss") == "Wasserstein" and p.get("training", "discriminator_steps") == 1,
        lambda p: "the Wasserstein loss with one discriminator step",
        "its gradient is right only near the best discriminator (Arjovsky et al. 2017, algorithm 1)",
        "add training.discriminator_steps=5",
    ),
    Rule(
        lambda p: p.get("discriminator", "batch_norm") and p.penalties(*_GRADIENTS),
        lambda p: f"batch norm in the discriminator beside {', '.join(p.penalties(*_GRADIENTS))}",
        "the penalty is on each image's own gradient, which batch norm mixes with the others' (Gulrajani et al. 2017)",
        "add discriminator.batch_norm=false",
    ),
    Rule(
        lambda p: p.get("discriminator", "minibatch_kernels") and p.strong(),
        lambda p: f"minibatch discrimination beside {', '.join(p.strong())}",
        "it mixes the images' gradients as batch norm does; only light R1 was measured to go well with it",
        "add discriminator.minibatch_kernels=0, or take regularizer=[lazy_r1]",
    ),
    Rule(
        lambda p: p.get("discriminator", "batch_norm") and p.get("discriminator", "spectral_norm"),
        lambda p: "spectral norm and batch norm in one discriminator",
        "batch norm scales the layers again, so that nothing bounds them (Miyato et al. 2018)",
        "add discriminator.batch_norm=false",
    ),
    Rule(
        lambda p: p.get("discriminator", "decoder_width") and not p.penalties("Reconstruction"),
        lambda p: "a discriminator with decoders that nothing asks to draw",
        "they learn nothing then, and the discriminator not what they would teach it (Liu et al. 2021)",
        "add regularizer=[reconstruction]",
    ),
    Rule(
        lambda p: (
            str(p.get("discriminator", "_target_")).startswith("ganctl.model.acgan.")
            and p.values.get("conditional")
            and not p.terms("AuxiliaryClassifier")
        ),
        lambda p: "a discriminator that can say the class, and nothing that asks it",
        "it is not shown the class either, so that the generator is not taught to heed it (Odena et al. 2017)",
        "add term=[auxiliary_classifier]",
    ),
    Rule(
        lambda p: p.kind("loss") == "Relativistic" and not p.penalties(*_GRADIENTS),
        lambda p: "the relativistic loss without a gradient penalty",
        "it is not sure to converge by itself (Huang et al. 2024)",
        "add regularizer=[r1,r2] discriminator=dcgan_critic",
    ),
    Rule(
        lambda p: p.is_adaptive() and p.kind("loss") in ("LeastSquares", "Relativistic", "Wasserstein"),
        lambda p: f"adaptive augmentation with {p.kind('loss')}",
        "it steers by the sign of the logits (Karras et al. 2020), and this loss does not draw real images above 0",
        "take augment=[scheduled] or augment=[diffaugment]",
    ),
    Rule(
        lambda p: p.kind("optimizer") == "SGD" and any(rate <= 1e-3 for rate in p.rates()),
        lambda p: f"SGD at Adam's learning rate ({min(p.rates()):g})",
        "its steps are not scaled as Adam's are, so it hardly moves",
        "try optimizer.lr=0.01",
    ),
    Rule(
        lambda p: p.is_adam() and any(rate >= 1e-2 for rate in p.rates()),
        lambda p: f"Adam at SGD's learning rate ({max(p.rates()):g})",
        "each of its steps moves every weight by about that much (Kingma and Ba 2015), and GANs diverge",
        "try optimizer.lr=0.0002",
    ),
    Rule(
        lambda p: p.is_adam() and (p.get("optimizer", "betas") or [0])[0] > 0.5 and not p.values.get("term"),
        lambda p: f"Adam with much momentum (betas[0]={p.get('optimizer', 'betas')[0]:g})",
        "GANs oscillate with it (Radford et al. 2016)",
        "try optimizer.betas=[0.5,0.999]",
    ),
    Rule(
        lambda p: p.kind("game") == "Cycle" and not p.terms("Cycle", "Contrastive"),
        lambda p: "game=cycle without term=[cycle]",
        "nothing then holds a picture to the one that it is made of (Zhu et al. 2017, section 3.2)",
        "add cycle to term=[...]",
    ),
    Rule(
        lambda p: (
            p.terms("FeatureMatching")
            and p.kind("task") not in ("Noise", "Codes")
            and p.kind("dataset") != "UnpairedFolder"
            and p.values.get("augment")
        ),
        lambda p: "feature_matching of pairs beside an augmentation",
        "each image of a pair is augmented by its own draw, so that their features are not to be the same",
        "leave one of both out",
    ),
)


def warnings(values: Mapping[str, Any]) -> Sequence[str]:
    """A line on each rule that applies to a composed configuration (plain data)."""
    parts = Parts(values)
    return [f"{rule.what(parts)}: {rule.reason}; {rule.cure}" for rule in RULES if rule.applies(parts)]
