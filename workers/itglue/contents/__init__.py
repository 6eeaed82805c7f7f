"""What an organization holds: counts of every kind, documents, activity."""
