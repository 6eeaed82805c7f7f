"""Records of deletions: state, approval, protections, registers of clients."""
