#!/usr/bin/env python3
"""Runs small random DVC projects with tatara and with the real dvc and compares what is left.

usage: dvc_oracle.py TATARA VENV_PYTHON [--seed N] [--rounds N] [--keep]

For each project: one copy is run by `tatara run`, the other by `dvc repro`. Then
  1. dvc.lock, .gitignore, the cache and the run cache are the same, byte for byte;
  2. `dvc status` is clean and `dvc repro` runs nothing where tatara ran;
  3. `tatara run` runs nothing where dvc ran;
and the same again after a change of inputs, parameters or the definition.
"""

import argparse
import filecmp
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile


class Failed(Exception):
    pass


def yaml_scalar(rng):
    return rng.choice(
        ["1", "1.0", "1e-5", "1e5", "1e16", "0o17", "0x1F", "012", "1_000", "true", "null", "~",
         "'yes'", "yes", "on", "-3", ".5", "5.", ".inf", "-.inf", "'3'", "abc", "'a: b'", "x y z",
         "'it''s'", "\"tab\\there\"", "\"two\\nlines\"", "'# no'", "'- dash'", "''", "'  blank '",
         "\"\\u00e9t\\u00e9\"", "été", "'null'", "'1e3'", "'2013-01-01'", "'@at'", "a#b",
         "'{x}'", "12:30:00", "1.5.2", "'" + "word " * 30 + "end'", "'" + "x" * 120 + "'",
         "\"" + "it's " * 30 + "\"", "'" + "long_" * 15 + " " + "y" * 90 + " z'"])


class Project:
    """Files of a project, as a map from path to text."""

    def __init__(self, rng):
        self.rng = rng
        self.files = {"in.txt": "input\n", "data/a.csv": "1\n", "data/b.csv": "2\n",
                      "data/deep/c.csv": "3\n"}
        self.params = {f"p{i}": yaml_scalar(rng) for i in range(8)}
        self.params["nested"] = "{a: 1, b: {c: [1, 2, {d: null}], e: 1.50}}"
        self.params["list"] = "[x, y, 3]"
        self.params["empty"] = "{}"
        self.params["none_list"] = "[]"
        self.params["weights"] = "{0: 1.0, 2: 5.5}"
        self.params["train"] = "{lr: 1e-5, flag: true, off: false, layers: [1, 2], name: a b}"
        self.write_params()
        self.write_dvc()

    def write_params(self):
        self.files["params.yaml"] = "".join(f"{k}: {v}\n" for k, v in self.params.items())

    def write_dvc(self):
        rng = self.rng
        chosen = rng.sample([f"p{i}" for i in range(8)] + ["nested", "list", "empty", "none_list",
                                                           "nested.b", "nested.b.c.1", "weights"],
                            6)
        if "nested" in chosen:  # ruamel writes an alias for the part that stands there twice
            chosen = [c for c in chosen if not c.startswith("nested.")]
        if "nested.b" in chosen:
            chosen = [c for c in chosen if c != "nested.b.c.1"]
        words = " ".join(rng.choice(["alpha", "be", "gamma-delta", "x" * rng.randint(1, 70), "'q u'"])
                         for _ in range(rng.randint(1, 25)))
        stages = f"""vars:
  - greeting: hello
    sizes: {{small: 1, big: 20}}
  - models: [lin, tree]
stages:
  first:
    cmd: echo {words} > first.txt && cp in.txt "copy of in.txt"
    deps: [in.txt]
    outs: [first.txt, copy of in.txt]
  folder:
    cmd: mkdir -p out/sub && cp data/a.csv out/ && cp data/deep/c.csv out/sub/ && mkdir -p out/none
    deps: [{rng.choice(['data', 'data/'])}]
    outs: [{rng.choice(['out', 'out/'])}]
  params:
    cmd:
      - echo one > many.txt
      - echo "${{greeting}} ${{sizes.big}} ${{p0}}" >> many.txt
    params: [{', '.join(chosen)}]
    outs:
      - many.txt: {{persist: {rng.choice(['true', 'false'])}}}
    metrics:
      - m.json: {{cache: false}}
    plots:
      - plot.csv: {{x: a, cache: false}}
  options:
    cmd: echo ${{train}} > options.txt
    deps: [first.txt]
    outs:
      - options.txt:
          desc: what the options are
  each:
    foreach: ${{models}}
    do:
      cmd: echo ${{item}} > each_${{item}}.txt
      deps: [many.txt]
      outs: ["each_${{item}}.txt"]
  sized:
    foreach: ${{sizes}}
    do:
      cmd: echo ${{key}} ${{item}} > sized_${{key}}.txt
      outs: ["sized_${{key}}.txt"]
  grid:
    matrix:
      model: ${{models}}
      size: [1, 2.5, {{n: 1}}]
    cmd: echo ${{item.model}} ${{key}} > grid_${{key}}.txt
    deps: [each_lin.txt, each_tree.txt]
    outs: ["grid_${{key}}.txt"]
  elsewhere:
    wdir: work
    cmd: cat ../out/a.csv > w.txt
    deps: [../out]
    params:
      - local.yaml: [k]
      - other.json:
      - extra.toml: [n.inner, t]
    outs: [w.txt]
  twolines:
    cmd: |
      echo "first line" > two.txt
      echo 'second "line" is a longer one, so that the text has to be folded somewhere' >> two.txt
    deps: [in.txt]
    outs: [two.txt]
  tool:
    cmd: printf '#!/bin/sh\\necho hi\\n' > tool.sh && chmod +x tool.sh
    deps: [in.txt]
    outs: [tool.sh]
  uses_tool:
    cmd: ./tool.sh > tool.out
    deps: [tool.sh, added.bin]
    outs:
      - tool.out: {{cache: false}}
  frozen:
    cmd: echo frozen > frozen.txt
    deps: [in.txt]
    outs: [frozen.txt]
    frozen: {rng.choice(['false', 'false', 'true'])}
"""
        self.files["dvc.yaml"] = stages
        self.files["frozen.txt"] = "frozen by hand\n"
        self.files["work/local.yaml"] = "k: [1, {a: b}]\n"
        self.files["work/other.json"] = json.dumps({"x": 1.0, "y": None, "z": [True, "é"]})
        self.files["work/extra.toml"] = ("title = 'é'\n[n.inner]\nz = 1.0\na = [1, 'x', 2e-5]\n[[t]]\n"
                                         "k.v = 0x1F\n[[t]]\n")
        self.files["work/dvc.yaml"] = """stages:
  inner:
    cmd: cp ../first.txt inner.txt
    deps: [../first.txt]
    outs: [inner.txt]
"""
        # The commands of `params` must make all that it promises.
        self.files["dvc.yaml"] = self.files["dvc.yaml"].replace(
            ">> many.txt\n", ">> many.txt && echo 17 > m.json && echo a,b > plot.csv\n")

    def write(self, root):
        for path, text in self.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def change(self):
        rng = self.rng
        kind = rng.choice(["input", "data", "param", "command", "local"])
        if kind == "input":
            self.files["in.txt"] += "more\n"
        elif kind == "data":
            self.files["data/deep/c.csv"] = str(rng.random()) + "\n"
        elif kind == "param":
            self.params[f"p{rng.randrange(8)}"] = yaml_scalar(rng)
            self.write_params()
        elif kind == "command":
            self.files["dvc.yaml"] = self.files["dvc.yaml"].replace("echo frozen >", "echo thawed >")
        else:
            self.files["work/local.yaml"] = f"k: {yaml_scalar(rng)}\n"
        return kind


class Oracle:
    def __init__(self, tatara, python):
        self.tatara = tatara
        self.bin = pathlib.Path(python).parent
        self.environment = dict(os.environ, DVC_NO_ANALYTICS="1", SHELL="/bin/sh",
                                PATH=f"{self.bin}:{os.environ['PATH']}")
        for name in ("TATARA_URL", "TATARA_HOME"):
            self.environment.pop(name, None)

    def run(self, folder, *argv, good=(0,)):
        done = subprocess.run(argv, cwd=folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode not in good:
            raise Failed(f"{' '.join(argv)} in {folder}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def dvc(self, folder, *argv, **kw):
        return self.run(folder, str(self.bin / "dvc"), *argv, **kw)

    def run_tatara(self, folder, *argv, **kw):
        return self.run(folder, self.tatara, "run", *argv, **kw)

    def nothing_to_do(self, folder):
        status = self.dvc(folder, "status")
        if "up to date" not in status:
            raise Failed(f"dvc status in {folder} after tatara:\n{status}")
        repro = self.dvc(folder, "repro", "--dry", "-P")
        if "Running" in repro or "is cached" in repro:
            raise Failed(f"dvc repro would run in {folder} after tatara:\n{repro}")

    def nothing_for_tatara(self, folder):
        out = json.loads(self.run(folder, self.tatara, "run", "-P", "--explain", "--json"))
        odd = [s for s in out["stages"] if s["action"] != "skip"]
        if odd:
            raise Failed(f"tatara would run in {folder} after dvc:\n{odd}")


def cache_names(root):
    return sorted(str(p.relative_to(root)) for p in (root / ".dvc/cache").rglob("*") if p.is_file())


def compare(ours, theirs):
    for name in ("dvc.lock", "work/dvc.lock", ".gitignore", "work/.gitignore", "added.bin.dvc",
                 ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        a, b = ours / name, theirs / name
        if name.endswith(".gitignore"):  # a different order of stages is a different order of lines
            same = (a.exists() == b.exists()
                    and (not a.exists()
                         or sorted(a.read_text().split()) == sorted(b.read_text().split())))
        elif name.endswith("dvc.lock") and a.exists() and b.exists():
            same = sorted_entries(a.read_text()) == sorted_entries(b.read_text())
        else:
            same = a.exists() == b.exists() and (not a.exists() or filecmp.cmp(a, b, False))
        if not same:
            diff = subprocess.run(["diff", str(a), str(b)], text=True, stdout=subprocess.PIPE)
            raise Failed(f"{name} differs (ours, theirs):\n{diff.stdout}")
    if cache_names(ours) != cache_names(theirs):
        odd = set(cache_names(ours)) ^ set(cache_names(theirs))
        raise Failed(f"the caches differ: {sorted(odd)}")


def sorted_entries(text):
    """The entries of a lock file; new ones go last in the order in which stages ended."""
    entries, current = [], []
    for line in text.splitlines():
        if line.startswith("  ") and line[2] not in " -" and current:
            entries.append("\n".join(current))
            current = []
        current.append(line)
    entries.append("\n".join(current))
    return sorted(entries)


def one_round(oracle, seed, base):
    rng = random.Random(seed)
    project = Project(rng)
    ours, theirs = base / "ours", base / "theirs"
    git = rng.random() < 0.7
    for root in (ours, theirs):
        root.mkdir(parents=True)
        project.write(root)
        (root / "added.bin").write_text("added\n")
        if git:
            oracle.run(root, "git", "init", "-q", ".")
    oracle.dvc(theirs, "init", "-q", *([] if git else ["--no-scm"]))
    if rng.random() < 0.5:  # else tatara makes the folder itself, and added.bin is a plain file
        oracle.dvc(theirs, "add", "added.bin")
        oracle.dvc(ours, "init", "-q", *([] if git else ["--no-scm"]))
        oracle.dvc(ours, "add", "added.bin")
    for step in range(3):
        try:
            oracle.run_tatara(ours, "-P")
            oracle.dvc(theirs, "repro", "-P")
            compare(ours, theirs)
            oracle.nothing_to_do(ours)
            oracle.nothing_for_tatara(theirs)
        except Failed as failed:
            raise Failed(f"seed {seed}, step {step}: {failed}") from failed
        kind = project.change()
        for root in (ours, theirs):
            project.write(root)
        print(f"  seed {seed}: step {step} agrees; next a change of {kind}", flush=True)
    # Crosswise: each goes on where the other one was.
    oracle.run_tatara(theirs, "-P")
    oracle.dvc(ours, "repro", "-P")
    compare(ours, theirs)
    oracle.nothing_to_do(theirs)
    oracle.nothing_for_tatara(ours)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tatara")
    parser.add_argument("python")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    oracle = Oracle(os.path.abspath(arguments.tatara), os.path.abspath(arguments.python))
    base = pathlib.Path(tempfile.mkdtemp(prefix="tatara-dvc-oracle-"))
    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.rounds):
        try:
            one_round(oracle, seed, base / str(seed))
        except Failed as problem:
            failed += 1
            print(f"FAILED {problem}", flush=True)
    if not arguments.keep and not failed:
        shutil.rmtree(base)
    print(f"{arguments.rounds - failed} passed, {failed} failed"
          + (f"; kept in {base}" if failed or arguments.keep else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
