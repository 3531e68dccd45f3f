"""The training algorithm: the step, the loop around it, the state it changes, the data and random draws it reads."""
