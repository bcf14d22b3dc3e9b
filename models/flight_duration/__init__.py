"""Flight-duration example: predicts a flight's minutes in the air from its schedule."""
