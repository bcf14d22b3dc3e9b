"""What a user brings: one folder per model."""
