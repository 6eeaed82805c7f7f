"""Autotask PSA (Datto, Kaseya): webhooks, also called callouts."""
