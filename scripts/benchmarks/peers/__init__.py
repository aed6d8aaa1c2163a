"""Other libraries doing the same as cadc, where they are installed (`pip install .[bench]`), a library in each file."""
