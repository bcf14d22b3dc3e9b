"""How long the status page of many models takes in a browser, on a stack of its own."""
