#!/usr/bin/env python3
"""Sums up what meson test and go test -json reported in a folder; names what failed and why what was
skipped was. The last line is "N passed, N failed, N skipped"; the exit status is 1 where any failed, or none passed."""

import json
import pathlib
import sys


def lines_of(path):
    for line in path.read_text(errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # a compiler's complaint between the events


def meson_results(path):
    for test in lines_of(path):
        result = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}.get(test["result"], "fail")
        said = (test.get("stdout") or "") + (test.get("stderr") or "")
        why = said.strip().splitlines()[-1:] if result == "skip" else []
        yield result, test["name"], "".join(why).removeprefix("skipped: ")


def go_results(path):
    said = {}
    ended = set()
    for event in lines_of(path):
        action, test = event.get("Action"), event.get("Test")
        key = (event.get("Package") or event.get("ImportPath"), test)
        if action in ("output", "build-output"):
            said.setdefault(key, []).append(event.get("Output", ""))
        elif action in ("pass", "fail", "skip") and (test or action == "fail"):
            built = said.get((event.get("FailedBuild"), None), [])
            why = "".join(built + said.get(key, [])) if action != "pass" else ""
            # A package fails with its tests; alone it did not build, or it died.
            if test or not any(package == key[0] for package, _ in ended):
                yield action, test or key[0], why
            if action == "fail":
                ended.add(key)


def main(folder):
    counts = {"pass": 0, "fail": 0, "skip": 0}
    for path in sorted(folder.glob("*.json")):
        reader = meson_results if path.name.startswith("meson") else go_results
        for result, name, why in reader(path):
            counts[result] += 1
            if result == "fail":
                print(f"failed: {name} ({path.stem})\n{why}".rstrip())
            elif result == "skip":
                reason = [line.strip() for line in why.splitlines() if not line.startswith(("===", "---"))]
                print(f"skipped: {name}: {' '.join(reason) or 'no reason given'}")

    steps = folder / "failed-steps"
    for step in steps.read_text().splitlines() if steps.exists() else []:
        print(f"failed: {step}")
        if not step.startswith(("unit", "end-to-end", "endurance", "deploy:", "cluster:")) or counts["fail"] == 0:
            counts["fail"] += 1  # tests that failed count themselves
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts["fail"] or not counts["pass"] else 0  # a run of nothing shows nothing


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
