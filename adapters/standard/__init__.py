"""Standard Webhooks 1.0: any sender that can sign them."""
