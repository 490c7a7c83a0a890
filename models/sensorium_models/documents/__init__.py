"""Documents: what a page says, where, in which order; its tables, fields and answers."""
