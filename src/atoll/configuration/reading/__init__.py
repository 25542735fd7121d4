"""YAML text to plain data with places, and errors of validation to diagnostics."""
