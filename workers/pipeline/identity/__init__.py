"""How an organization is known: ids, names, links, tags, and how they are compared."""
