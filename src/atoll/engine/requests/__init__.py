"""What users ask for: each request checks, decides and stores within one transaction."""
