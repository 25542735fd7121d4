"""The backends that this release can run. The registry opens them; the command line imports configurations for them."""

RUNNABLE = ("aws", "fake", "local", "ssh")
