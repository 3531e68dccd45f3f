"""What a generator is asked: the tasks that `task=` chooses from."""

from ganctl.task.noise import Codes, Noise
from ganctl.task.picture import Enlargement, Restoration, Translation

__all__ = ["Codes", "Enlargement", "Noise", "Restoration", "Translation"]
