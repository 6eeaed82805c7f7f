"""Ratios, each measured beside a baseline in one run."""
