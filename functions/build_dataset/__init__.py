"""Builds the data set of a challenger from the log and the champion's data set."""
