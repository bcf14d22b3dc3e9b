"""Pages of the site that `make docs` writes from the code: too much changes them to commit them."""
