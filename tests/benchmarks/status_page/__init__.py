"""How long the status page of many models takes in a browser."""
