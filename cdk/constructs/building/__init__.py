"""How code is packed: asset folders, layers, and the functions made of them."""
