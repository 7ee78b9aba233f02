"""Test kit: fakes, fault injection and conformance suites. The product never imports it."""
