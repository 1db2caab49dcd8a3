#!/usr/bin/env python3
"""coverage.py FOLDER...: lines and branches of src/ and preload/ that ran, from the .gcda files below the folders.

Counts of the same line from several builds and objects are added up. Prints a table; what did not run goes to
build/coverage/uncovered.txt, by function."""
import collections
import json
import os
import pathlib
import subprocess
import sys

OUT = pathlib.Path('build/coverage/uncovered.txt')


def read(gcda):
    """gcov's JSON of one object: {path: [line...]}, of our files only."""
    text = subprocess.run(['gcov', '--json-format', '--stdout', '--branch-probabilities', gcda],
                          check=True, capture_output=True, text=True).stdout
    for document in text.splitlines():
        for file in json.loads(document)['files']:
            path = os.path.relpath(os.path.realpath(file['file']))
            if path.startswith(('src/', 'preload/')):
                yield path, file['lines']


class Source:
    def __init__(self):
        self.lines = collections.Counter()  # number: count
        self.branches = {}                  # number, number of branches, which: count
        self.functions = {}                 # number: name

    def add(self, lines):
        for line in lines:
            number = line['line_number']
            self.lines[number] += line['count']
            self.functions.setdefault(number, line.get('function_name', ''))
            branches = [branch for branch in line['branches'] if not branch['throw']]
            for which, branch in enumerate(branches):
                key = number, len(branches), which
                self.branches[key] = self.branches.get(key, 0) + branch['count']

    def uncovered(self):
        """Runs of lines of one function that did not run: (function, first, last)."""
        runs = []
        for number in sorted(self.lines):
            if self.lines[number]:
                runs.append(None)
            elif runs and runs[-1] and runs[-1][0] == self.functions[number]:
                runs[-1][2] = number
            else:
                runs.append([self.functions[number], number, number])
        return [run for run in runs if run]

    def one_sided(self):
        """Lines that ran, of which a branch was never taken."""
        return sorted({number for (number, _, _), count in self.branches.items()
                       if not count and self.lines[number]})


def percent(counts):
    counts = list(counts)
    return f'{100 * sum(map(bool, counts)) / len(counts):6.1f} %' if counts else '      –  '


def main():
    sources = collections.defaultdict(Source)
    for folder in sys.argv[1:]:
        for gcda in sorted(pathlib.Path(folder).rglob('*.gcda')):
            for path, lines in read(gcda):
                sources[path].add(lines)
    if not sources:
        sys.exit('coverage.py: no counts')
    print(f'{"file":24}{"lines":>14}{"branches":>16}')
    for path, source in sorted(sources.items()):
        print(f'{path:24}{len(source.lines):5}{percent(source.lines.values())}'
              f'{len(source.branches):7}{percent(source.branches.values())}')
    lines = [count for source in sources.values() for count in source.lines.values()]
    branches = [count for source in sources.values() for count in source.branches.values()]
    print(f'{"all":24}{len(lines):5}{percent(lines)}{len(branches):7}{percent(branches)}')
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open('w') as out:
        for path, source in sorted(sources.items()):
            for function, first, last in source.uncovered():
                out.write(f'{path}:{first}-{last}: {function}: did not run\n')
            for number in source.one_sided():
                out.write(f'{path}:{number}: {source.functions[number]}: a branch was never taken\n')
    print(f'what did not run: {OUT}')


main()
