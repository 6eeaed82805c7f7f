"""IT Glue's resources by area, and the control endpoints."""
