"""What monitoring reads: the metrics, each with its meaning, and the page that lists them."""
