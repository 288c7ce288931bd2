#!/usr/bin/env python3
"""Writes a C++ source that holds the migrations: embed_schema.py OUT FILE.sql..."""
import sys
from pathlib import Path

out, files = Path(sys.argv[1]), sorted(Path(f) for f in sys.argv[2:])
rows = "".join(
    f'    {{{int(f.name.split("_")[0])}, "{f.stem}", R"sql({f.read_text()})sql"}},\n' for f in files)
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(f"""#include "db/migrate.h"

namespace tatara::db {{

const std::vector<Migration>& EmbeddedMigrations() {{
  static const std::vector<Migration> kMigrations = {{
{rows}  }};
  return kMigrations;
}}

}}  // namespace tatara::db
""")
