"""Test suites for stores, event brokers, channels and components, for pytest.

A package that adds such a part runs the tests that the built-in parts pass. Import the tests of a module into a test
file, and write the fixture that the module names:

    from manent.testing.brokers import *

    @pytest.fixture
    def place(tmp_path): ...

`docs/extending.md` shows an example of each. Asserts of these modules are shown in detail because of the entry point
`manent_testing` for pytest (`plugin.py`).
"""
