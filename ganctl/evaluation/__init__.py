"""Judging a generator: features gathered in one pass, real statistics cached, scores with their protocol."""
