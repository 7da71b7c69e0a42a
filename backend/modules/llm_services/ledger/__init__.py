"""The ledger: it writes the rows of `llm_requests`, in transactions of their own."""
