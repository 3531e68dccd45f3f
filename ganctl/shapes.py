"""Shapes in signatures: what tensors a network or a loss takes and gives. The tests check them at every call."""

from jaxtyping import Float, Int
from torch import Tensor

Images = Float[Tensor, "N C H W"]
Sources = Float[Tensor, "N sources h w"]
"""Images that a generator starts from, perhaps of another size."""
Latents = Float[Tensor, "N latent_size"]
Labels = Int[Tensor, "N"]
Logits = Float[Tensor, "N"]
PackLogits = Float[Tensor, "packs"]
PackFeatures = Float[Tensor, "packs features"]
"""Of a discriminator that judges packs of images, or packs of one."""
Places = Float[Tensor, "N places"]
"""Logits of a discriminator that judges places of an image."""
Features = Float[Tensor, "N features"]
Alike = Float[Tensor, "*shape"]
"""Of several in one signature all have the same shape."""
