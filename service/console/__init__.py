"""The operations console: pages of what happens and forms to act, for operators who logged in."""
