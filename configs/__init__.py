"""The configuration groups that ship with ganctl; Hydra finds them as pkg://ganctl.configs."""
