"""What tests share: helpers, servers and models of the tests' own."""
