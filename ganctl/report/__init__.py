"""The page that `ganctl report` makes of what runs have left, and the comparison of several. No torch, no Hydra."""
