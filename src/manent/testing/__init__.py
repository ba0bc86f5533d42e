"""Test suites for stores, event brokers, channels, components and policies, to run with pytest.

Run them in a package that adds such a part; the built-in parts pass the same tests. Import the tests of a module into a
test file, and write the fixture that the module names:

    from manent.testing.brokers import *

    @pytest.fixture
    def place(tmp_path): ...

`docs/extending.md` contains an example for each of them. The pytest entry point `manent_testing` (`plugin.py`) makes
pytest show the details of failed asserts in these modules.
"""
