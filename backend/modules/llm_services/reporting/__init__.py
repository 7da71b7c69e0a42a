"""Cost reports: the totals of a period's rows."""
