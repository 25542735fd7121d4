"""What runs on an instance: takes jobs over HTTP, runs and supervises their processes, keeps their logs."""
