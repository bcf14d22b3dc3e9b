"""What several functions share. A function's zip holds only the modules it imports."""
