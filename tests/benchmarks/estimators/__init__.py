"""Which estimators serve: each is trained, exported, served and compared with scikit-learn."""
