"""publish.py: makes one result the published one, with its page, picture and table; `make
bench-publish` runs it.

usage: publish.py [RESULT.json]      (default: the newest of build/bench-results)
Only one result is kept: the one before is removed, git has it.
"""

import argparse
import shutil
import sys
from pathlib import Path

import report
import results


def refusal(result):
    """Why this cannot stand for the library; "" if it can."""
    if not result["complete"]:
        return "the run was interrupted"
    if result["size"] != "full":
        return f"its inputs are of size {result['size']}"
    return ""


def publish(path):
    kept = {path.name, path.with_suffix(".csv").name}
    for name in kept:
        if path.resolve().parent != results.PUBLISHED:
            shutil.copyfile(path.parent / name, results.PUBLISHED / name)
    for old in results.PUBLISHED.iterdir():
        if old.name not in kept:
            print(f"removed: {old.name}")
            old.unlink()
    report.write_all(results.PUBLISHED / path.name, results.PUBLISHED.parent)


def main(argv):
    parser = argparse.ArgumentParser(prog="publish.py", description="Publish one result of the bench.")
    parser.add_argument("result", nargs="?", type=Path, help="a result; default: the newest run")
    options = parser.parse_args(argv)
    try:
        path = options.result or results.newest(*results.RUNS.glob("*"))
        reason = refusal(results.read(path))
    except results.BadResult as error:
        parser.error(str(error))
    if reason:
        parser.error(f"{path.name} is not for publishing: {reason}")
    publish(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
