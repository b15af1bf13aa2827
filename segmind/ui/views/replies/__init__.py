"""What customers wrote back."""
