// Where a statement ends, by DuckDB's lexical rules. Pure.
#pragma once

#include <string_view>

namespace tatara::sql {

// The text of one statement up to its last token: without the ';', blanks and comments behind it,
// so that it can stand in parentheses.
std::string_view StatementBody(std::string_view text);

}  // namespace tatara::sql
