"""What the engine is built from: each part knows nothing of the others or of the work."""
