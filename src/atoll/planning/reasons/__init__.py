"""Why a zone is not used, and what would change it."""
