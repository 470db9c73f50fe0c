"""Public data that ship with the program, and the job of the chain over them."""
