"""CloudEvents 1.0, signed as Standard Webhooks."""
