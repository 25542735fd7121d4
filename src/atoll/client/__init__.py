"""The typed HTTP client of the server: the Python SDK."""
