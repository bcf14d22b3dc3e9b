"""How many people enter a station of the Chicago "L" a week from today? A daily time series."""
