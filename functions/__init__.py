"""The Lambda functions: one folder each, named by a verb; handlers parse, call, answer."""
