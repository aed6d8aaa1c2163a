"""Parts: runs packed into archives and unpacked from them."""
