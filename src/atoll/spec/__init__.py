"""Configuration files: YAML text to typed specs with source positions, or to diagnostics. Pure."""
