"""NinjaOne: activity webhooks."""
