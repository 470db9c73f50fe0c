"""What nodes ask each other and tell each other, as bytes, and how such questions are answered."""
