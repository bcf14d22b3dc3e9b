"""The local stack: the services of the loop as processes of this machine."""
