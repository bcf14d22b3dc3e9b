"""Compares a challenger in the shadow with the champion."""
