"""Daily-ridership example: forecasts a Chicago "L" station's riders, a daily time series."""
