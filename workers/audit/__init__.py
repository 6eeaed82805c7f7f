"""The audit log: every decision in one chain, signed by one writer, kept in Redis and in a file.

Who decides writes an entry to a stream, in the same script (`audit` in `prelude.lua`); the writer
takes them in order, so nothing that decides ever waits for it.
"""
