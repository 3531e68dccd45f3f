"""Trains generative adversarial networks from the command line, and judges them."""

__version__ = "0.1.0"
