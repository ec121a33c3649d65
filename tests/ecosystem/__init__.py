"""Real libraries and servers on the loop, each through its own official hook; `nox -s ecosystem` runs them."""
