"""The tests of `pytest -m quick`; `python -m tests.quick` shows that they execute every file of gradtx."""

import ast
import sys
from pathlib import Path
from types import FrameType

import pytest

# A test is quick when its name begins with one of these, and it is not exhaustive.
DRAWN = (
    "gradtx/",  # the examples of all docstrings
    "tests/core/test_apply.py",
    "tests/core/test_arguments.py",
    "tests/core/test_combine.py",
    "tests/core/test_keywords.py",
    "tests/core/test_mapping.py",
    "tests/core/test_names.py",
    "tests/core/test_value.py",
    # Every public transformation as a value, some in one step.
    "tests/contract/test_contract.py::test_prints_as_its_expression_compares_hashes_and_pickles",
    "tests/contract/test_contract.py::test_empty_trees_and_single_leaves",
)
# Or with one of these.
NAMED = (
    "tests/core/test_display.py::test_an_optimizer_shows_its_parts_numbers_and_curves",
    "tests/core/test_rule.py::test_nothing_depends_on_annotations",
    "tests/core/test_states.py::test_a_part_is_kept_once",
    "tests/schedules/test_table.py",
    "tests/wrappers/test_selection.py::test_functions_of_the_parameters_become_functions_of_a_group",
    "tests/stepping/test_loops.py::test_memory_of_shapes_allocates_nothing",
    "tests/cli/test_memory.py::test_the_size_of_the_model",
    "tests/cli/test_doctor.py::test_every_member_is_diagnosed",
    "tests/practice/test_diagnose.py::test_the_edits",
    "tests/practice/test_diagnose.py::test_a_good_training_has_no_findings",
    "tests/practice/test_vitals.py::test_every_array_of_the_state_is_its_own",
    "tests/stepping/test_stepper.py::test_a_norm_over_all_leaves[split]",
    "tests/practice/test_sweep.py::test_it_draws_a_line_for_each_combination_of_the_others",
    "tests/cli/test_train.py::test_an_optimizer_without_a_rate_gets_one_that_trains",
    "tests/cli/test_find_lr.py::test_a_test_from_end_to_end[False]",
    "tests/cli/test_compare.py::test_when_all_diverge_it_fails_and_says_so",
    "tests/cli/test_list.py::test_a_line_for_every_optimizer",
    "tests/cli/test_list.py::test_an_optimizer_with_its_equations_and_memory",
    "tests/cli/test_schedule.py::test_a_table_and_a_curve",
)


def is_quick(item: pytest.Item) -> bool:
    """Whether `pytest -m quick` runs a test."""
    drawn = item.nodeid.startswith(DRAWN) and item.get_closest_marker("exhaustive") is None
    return drawn or item.nodeid.startswith(NAMED)


def has_quick(file: str) -> bool:
    """Whether a file may have quick tests: no other one is imported for `pytest -m quick`."""
    return file.startswith(DRAWN) or any(line.partition("::")[0] == file for line in (*DRAWN, *NAMED))


class Executed:
    """A plugin of pytest that keeps the tests that it sees and the files whose functions they execute."""

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.files: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begins when the collection of doctests has imported every module: an import does not count."""
        self.tests = [item.nodeid for item in session.items]
        sys.settrace(self._called)

    def pytest_sessionfinish(self) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        self.files.add(frame.f_code.co_filename)


def has_functions(path: Path) -> bool:
    """Whether a file has a function with a body, and not only names, or declarations of a protocol."""
    functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return any(not _is_constant(function.body[-1]) for function in functions)


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def main() -> int:
    """The exit status: 1 when a test fails, a file is not executed, or a line above fits no test."""
    executed = Executed()
    if pytest.main(["-m", "quick", "-n", "0", "-q"], plugins=[executed]) != 0:
        return 1
    files = [path for path in sorted(Path("gradtx").rglob("*.py")) if has_functions(path)]
    missed = [path for path in files if str(path.resolve()) not in executed.files]
    lines = (*DRAWN, *NAMED)
    unused = [line for line in lines if not any(test.startswith(line) for test in executed.tests)]
    for path in missed:
        print(f"{path}: `pytest -m quick` executes none of its functions; name a test of it in NAMED.")
    for line in unused:
        print(f"{line}: no test begins so; correct the line.")
    print(f"{len(files)} files with functions: {len(files) - len(missed)} executed, {len(missed)} missed")
    return int(bool(missed or unused))


if __name__ == "__main__":
    sys.exit(main())
