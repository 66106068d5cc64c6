"""The command line: the only place that knows Hydra. It composes, checks, builds and runs."""
