"""Trains, registers and exports a challenger."""
