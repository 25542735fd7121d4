"""Disks that fail when a test wants it."""
