"""What a generator is asked: the tasks that `task=` chooses from."""

from ganctl.task.noise import Noise, sample_inputs
from ganctl.task.picture import Enlargement, Restoration, Translation, in_unit_range

__all__ = ["Enlargement", "Noise", "Restoration", "Translation", "in_unit_range", "sample_inputs"]
