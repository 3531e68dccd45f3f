"""The work of the commands, once a configuration is checked: train, sweep, draw, score."""
