"""Takes a model's retraining lock for one execution."""
