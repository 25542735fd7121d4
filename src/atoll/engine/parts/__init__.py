"""The engine's parts, independent of each other and of the work."""
