"""How figures are shown: pages, pictures and files. Knows nothing of where they come from."""
