"""Regularizers: terms added to a network's loss, and what is done to the discriminator's input and weights.

`every` = n means that the term is added on each n-th step and n times as strong (lazy regularization, Karras et al.
2020, arXiv:1912.04958, section 3.1). Both halves of this are the step's doing: the formulas are without n.

Of several processes each looks at its own images, but for what looks at a whole batch: lecam's anchors, mode_seeking's
pairs, energy_distance, dragan's spread and top_k's choice are those of all. Values outside the ranges of their YAML
files raise ArgumentError.
"""

from ganctl.regularizer.image import EnergyDistance, InstanceNoise, ModeSeeking
from ganctl.regularizer.judgement import Consistency, LeCam, MutualInformation, Reconstruction, TopK
from ganctl.regularizer.slope import R1, R2, Dragan, GradientPenalty
from ganctl.regularizer.weight import Orthogonal, WeightClipping

__all__ = [
    "R1",
    "R2",
    "Consistency",
    "Dragan",
    "EnergyDistance",
    "GradientPenalty",
    "InstanceNoise",
    "LeCam",
    "ModeSeeking",
    "MutualInformation",
    "Orthogonal",
    "Reconstruction",
    "TopK",
    "WeightClipping",
]
