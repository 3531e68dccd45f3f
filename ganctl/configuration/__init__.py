"""What a composed configuration must satisfy before any work begins; plain data in, one-line ValueErrors out.

Nothing in this package imports torch, hydra or omegaconf, so a message comes in a fraction of a second.
"""
