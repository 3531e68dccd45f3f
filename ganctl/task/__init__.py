"""What a generator is asked: the tasks that `task=` chooses from."""

from ganctl.task.noise import Codes, Noise, sample_inputs
from ganctl.task.picture import Enlargement, Restoration, Translation, in_unit_range

__all__ = ["Codes", "Enlargement", "Noise", "Restoration", "Translation", "in_unit_range", "sample_inputs"]
