"""How a call goes: its attempts, and what one is made of."""
