"""NinjaOne as it is asked: its organizations, and the webhook of one API client."""
