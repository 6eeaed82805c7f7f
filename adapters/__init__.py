"""What vendors send, and what it means: pure functions, no I/O, no clock, no settings.

The canonical models (`models`), the contract that every vendor fulfils (`contract`),
the table of vendors (`registry`), and one folder a vendor.
"""
