"""ConnectWise PSA as it is asked: its companies, and what it has registered to send here."""
