"""Scores: pure functions of features, one file a score."""
