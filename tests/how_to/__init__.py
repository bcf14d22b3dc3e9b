"""The how-to, run literally: every command of its page, in a copy of the repository."""
