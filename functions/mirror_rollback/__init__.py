"""Lets MLflow show a rollback, after production has gone back."""
