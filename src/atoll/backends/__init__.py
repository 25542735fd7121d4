"""Machines, from whoever lends them: the protocol in `base`, then one package for each backend."""
