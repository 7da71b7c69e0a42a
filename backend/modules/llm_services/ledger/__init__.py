"""The ledger: it writes the rows of `llm_requests`, in its own transactions."""
