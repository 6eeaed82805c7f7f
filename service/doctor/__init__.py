"""`unglue doctor`: checks, each by itself, with a finding and a fix."""
