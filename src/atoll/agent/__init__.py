"""The process on an instance that accepts jobs over HTTP, runs and supervises their processes, and keeps their logs."""
