#!/bin/bash
# python.sh: Python's own test suite. Compared: the result of every test method.
. "$(dirname "$0")/../inside.sh"

packages=(python3 libpython3.11-testsuite tzdata)

# Left out: what is slow, needs a screen, another computer or a debugger, or tests Python's build.
left_out=(
	test_asyncio test_concurrent_futures test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_spawn
	test_multiprocessing_main_handling test_gdb test_tools test_idle test_tkinter test_ttk_guionly test_ttk_textonly test_tcl
	test_turtle test_regrtest test_peg_generator test_distutils test_lib2to3 test_ensurepip test_venv test_zipfile64
	test_largefile test_bigmem test_ossaudiodev test_winreg test_msilib test_tokenize test_unparse test_compileall test_curses
	test_faulthandler test_socket test_subprocess test_signal test_threading test_io test_cppext test_httpservers
)

show_results() { # FILE: a line for each method
	python3.11 - "$1" <<'END'
import sys
import xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter('testcase'):
    state = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
    print(case.get('name'), case.get('status'), case.get('result'), *state)
END
}

session() { # each module in a process of its own: some leave things behind that regrtest stumbles over
	as_user bash -c 'cd && python3.11 -m test -j2 --junit-xml /trial/home/results.xml -x "$@"' run "${left_out[@]}" >&2 || true
	show_results /trial/home/results.xml
}

filter() { sort; }

main "$@"
