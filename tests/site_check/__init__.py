"""The built site of the documentation, held against what it promises."""
