"""Flight-delay example: predicts before departure if a flight arrives over 15 minutes late."""
