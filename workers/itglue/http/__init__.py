"""HTTP and JSON:API to IT Glue: one transport, checked replies, paging, decoding."""
