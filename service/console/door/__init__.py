"""Who gets into the console: sessions, the ways to log in, and what every page asks first."""
