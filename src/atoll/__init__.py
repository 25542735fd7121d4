"""Atoll places compute and storage together over the availability zones of every cloud."""

__version__ = "0.1.0"
