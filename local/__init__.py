"""What exists only on a laptop: the services of the loop as processes."""
