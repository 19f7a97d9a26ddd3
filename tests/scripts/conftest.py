"""The scripts train when they are imported: they are run by the tests alone, not searched for examples."""

collect_ignore_glob = ["[!t]*.py"]
