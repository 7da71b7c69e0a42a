"""What is stored: rows of `llm_requests`, written in transactions of their own."""
