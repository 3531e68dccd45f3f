"""Shapes in signatures: what tensors a network or a loss takes and gives. The tests check them at every call."""

from jaxtyping import Float, Int
from torch import Tensor

Images = Float[Tensor, "N C H W"]
Latents = Float[Tensor, "N latent_size"]
Labels = Int[Tensor, "N"]
Logits = Float[Tensor, "N"]
Alike = Float[Tensor, "*shape"]
"""Of several in one signature all have the same shape."""
