"""Catching up: asking a PSA for what changed, and taking in what no event had said."""
