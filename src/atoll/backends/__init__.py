"""The providers of machines: the protocol in `base`, then one package for each backend."""
