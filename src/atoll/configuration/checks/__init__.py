"""What is checked between keys and documents once each is valid: zones, volumes, keys without effect."""
