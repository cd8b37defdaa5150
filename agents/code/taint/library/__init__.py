"""What calls of other people's libraries give back."""
