"""Retraining: the state machine, its states, and training as a SageMaker job."""
