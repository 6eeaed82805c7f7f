"""HaloPSA: webhooks with a body of your own."""
