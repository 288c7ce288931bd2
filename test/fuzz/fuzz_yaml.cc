// YAML as such, and as dvc.yaml with its templates.
#include "base/yaml.h"
#include "fuzz/driver.h"
#include "pipelines/dvcfile.h"

namespace {

void Run(std::string_view text) {
  (void)tatara::ParseYaml(text);
  tatara::pipelines::DvcFileContext context;
  context.root = "/project";
  context.file = "/project/dvc.yaml";
  context.read_params = [](const std::string& path) -> tatara::Result<tatara::pipelines::Value> {
    return tatara::NotFound("there is no " + path);
  };
  (void)tatara::pipelines::ParseDvcYaml(std::string(text), context);
}

}  // namespace

int main(int argc, char** argv) {
  return tatara::fuzz::Main(
      argc, argv,
      {.name = "yaml",
       .seeds =
           {"vars:\n  - a: {b: [1, 2]}\n    c: x\nstages:\n  s:\n    cmd: echo ${a.b[0]} ${c}\n"
            "    wdir: d\n    deps: [x, y/z]\n    params: [p.q, f.yaml: [r]]\n    outs:\n"
            "      - o: {cache: false, persist: true}\n    metrics: [m.json]\n",
            "stages:\n  f:\n    foreach: {a: 1, b: 2}\n    do:\n      cmd: run ${key} ${item}\n"
            "  m:\n    matrix:\n      x: [1, 2]\n      y: [a, b]\n    cmd: go ${item.x} ${item.y}\n"
            "    frozen: true\n    always_changed: true\n    meta: {queue: local}\n"},
       .words = {"${",  "}",  "${a.b}",     "${item}",   "\\${", ": ",        "- ",       "\n",
                 "  ",  "[",  "]",          "{",         "&a ",  "*a",        "<<: ",     "|\n",
                 "'",   "\"", "#",          "!!binary ", "? ",   "foreach: ", "matrix: ", "stages:",
                 "../", "\t", "2026-01-01", "0x1F",      ".nan", "~"},
       .run = Run});
}
