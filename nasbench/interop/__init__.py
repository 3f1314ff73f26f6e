"""Reading and writing other formats of architectures."""
