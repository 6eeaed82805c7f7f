"""Exports: ask for one, download it, look whether it is whole."""
