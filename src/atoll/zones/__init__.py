"""Zones without a cloud: naming rules, the built-in directory, matching. Pure."""
