"""Users' requests: each checks, decides and stores within one transaction."""
