"""Mutation testing: would the unit tests notice if the code that decides were wrong?"""
