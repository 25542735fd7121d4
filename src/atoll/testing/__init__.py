"""What tests of Atoll and of its extensions stand on: the virtual clock, builders, contract suites."""
