"""The state machine that retrains, its states, and training as a SageMaker job."""
