"""Compares a challenger in the shadow slot with the champion."""
