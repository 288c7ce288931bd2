#include "sql/duckdb/values.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json.h"

namespace tatara::sql {
namespace {

using Wide = __int128;
using UnsignedWide = unsigned __int128;

bool IsValid(uint64_t* validity, size_t row) {
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}

template <class T>
const T& At(duckdb_vector vector, size_t row) {
  return static_cast<const T*>(duckdb_vector_get_data(vector))[row];
}

std::string_view TextAt(duckdb_vector vector, size_t row) {
  auto* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)) + row;
  return {duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

Wide ToWide(const duckdb_hugeint& value) {
  return (static_cast<Wide>(value.upper) << 64) | static_cast<Wide>(value.lower);
}
UnsignedWide ToWide(const duckdb_uhugeint& value) {
  return (static_cast<UnsignedWide>(value.upper) << 64) | value.lower;
}

std::string WideText(UnsignedWide value, bool negative, int scale) {
  std::string digits;
  for (; value != 0; value /= 10) digits += static_cast<char>('0' + static_cast<int>(value % 10));
  while (static_cast<int>(digits.size()) <= scale) digits += '0';
  if (scale > 0) digits.insert(static_cast<size_t>(scale), ".");
  if (negative) digits += '-';
  return {digits.rbegin(), digits.rend()};
}

std::string SignedText(Wide value, int scale) {
  const bool negative = value < 0;
  return WideText(negative ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value),
                  negative, scale);
}

Wide DecimalAt(duckdb_vector vector, duckdb_logical_type type, size_t row) {
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return At<int16_t>(vector, row);
    case DUCKDB_TYPE_INTEGER:
      return At<int32_t>(vector, row);
    case DUCKDB_TYPE_BIGINT:
      return At<int64_t>(vector, row);
    default:
      return ToWide(At<duckdb_hugeint>(vector, row));
  }
}

// The exact text of a number that int64 or double cannot hold.
std::string ExactText(duckdb_vector vector, duckdb_logical_type type, size_t row) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_UBIGINT:
      return WideText(At<uint64_t>(vector, row), false, 0);
    case DUCKDB_TYPE_HUGEINT:
      return SignedText(ToWide(At<duckdb_hugeint>(vector, row)), 0);
    case DUCKDB_TYPE_UHUGEINT:
      return WideText(ToWide(At<duckdb_uhugeint>(vector, row)), false, 0);
    default:
      return SignedText(DecimalAt(vector, type, row), duckdb_decimal_scale(type));
  }
}

std::string UuidText(duckdb_hugeint value) {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t upper = static_cast<uint64_t>(value.upper) ^ (uint64_t{1} << 63);
  std::string out;
  for (int i = 0; i < 32; ++i) {
    const uint64_t half = i < 16 ? upper : value.lower;
    if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
    out += kHex[(half >> (60 - 4 * (i % 16))) & 15];
  }
  return out;
}

BoxedValue Box(duckdb_vector vector, duckdb_type id, size_t row) {
  switch (id) {
    case DUCKDB_TYPE_TIME:
      return BoxedValue(duckdb_create_time(At<duckdb_time>(vector, row)));
    case DUCKDB_TYPE_TIME_NS:
      return BoxedValue(duckdb_create_time_ns(At<duckdb_time_ns>(vector, row)));
    case DUCKDB_TYPE_TIME_TZ:
      return BoxedValue(duckdb_create_time_tz_value(At<duckdb_time_tz>(vector, row)));
    case DUCKDB_TYPE_INTERVAL:
      return BoxedValue(duckdb_create_interval(At<duckdb_interval>(vector, row)));
    case DUCKDB_TYPE_DATE:
      return BoxedValue(duckdb_create_date(At<duckdb_date>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP:
      return BoxedValue(duckdb_create_timestamp(At<duckdb_timestamp>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return BoxedValue(duckdb_create_timestamp_tz(At<duckdb_timestamp>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP_S:
      return BoxedValue(duckdb_create_timestamp_s(At<duckdb_timestamp_s>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return BoxedValue(duckdb_create_timestamp_ms(At<duckdb_timestamp_ms>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return BoxedValue(duckdb_create_timestamp_ns(At<duckdb_timestamp_ns>(vector, row)));
    case DUCKDB_TYPE_BIT: {
      const std::string_view bytes = TextAt(vector, row);
      auto* data = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
      return BoxedValue(duckdb_create_bit({data, bytes.size()}));
    }
    default:
      return {};
  }
}

std::string OtherText(duckdb_vector vector, duckdb_type id, size_t row) {
  if (id == DUCKDB_TYPE_UUID) return UuidText(At<duckdb_hugeint>(vector, row));
  const BoxedValue value = Box(vector, id, row);
  return value ? TakeText(duckdb_get_varchar(value.get())) : "?";
}

int64_t IntegerAt(duckdb_vector vector, duckdb_type id, size_t row) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
      return At<bool>(vector, row);
    case DUCKDB_TYPE_TINYINT:
      return At<int8_t>(vector, row);
    case DUCKDB_TYPE_UTINYINT:
      return At<uint8_t>(vector, row);
    case DUCKDB_TYPE_SMALLINT:
      return At<int16_t>(vector, row);
    case DUCKDB_TYPE_USMALLINT:
      return At<uint16_t>(vector, row);
    case DUCKDB_TYPE_UINTEGER:
      return At<uint32_t>(vector, row);
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
      return At<int32_t>(vector, row);
    default:
      return At<int64_t>(vector, row);
  }
}

uint32_t EnumAt(duckdb_vector vector, duckdb_logical_type type, size_t row) {
  switch (duckdb_enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT:
      return At<uint8_t>(vector, row);
    case DUCKDB_TYPE_USMALLINT:
      return At<uint16_t>(vector, row);
    default:
      return At<uint32_t>(vector, row);
  }
}

void AppendJson(std::string& out, duckdb_vector vector, duckdb_logical_type type, size_t row);

void AppendListJson(std::string& out, duckdb_vector child, LogicalType type, uint64_t begin,
                    uint64_t count) {
  out += '[';
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    AppendJson(out, child, type.get(), begin + i);
  }
  out += ']';
}

void AppendStructJson(std::string& out, duckdb_vector vector, duckdb_logical_type type,
                      size_t row) {
  out += '{';
  const idx_t children = duckdb_struct_type_child_count(type);
  for (idx_t c = 0; c < children; ++c) {
    if (c > 0) out += ',';
    AppendJsonString(out, TakeText(duckdb_struct_type_child_name(type, c)));
    out += ':';
    const LogicalType child(duckdb_struct_type_child_type(type, c));
    AppendJson(out, duckdb_struct_vector_get_child(vector, c), child.get(), row);
  }
  out += '}';
}

// A map as [[key, value], ...]: its keys may be of any type.
void AppendMapJson(std::string& out, duckdb_vector vector, duckdb_logical_type type, size_t row) {
  const auto entry = At<duckdb_list_entry>(vector, row);
  const duckdb_vector pairs = duckdb_list_vector_get_child(vector);
  const LogicalType key(duckdb_map_type_key_type(type)), value(duckdb_map_type_value_type(type));
  out += '[';
  for (uint64_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    if (i > entry.offset) out += ',';
    out += '[';
    AppendJson(out, duckdb_struct_vector_get_child(pairs, 0), key.get(), i);
    out += ',';
    AppendJson(out, duckdb_struct_vector_get_child(pairs, 1), value.get(), i);
    out += ']';
  }
  out += ']';
}

void AppendUnionJson(std::string& out, duckdb_vector vector, duckdb_logical_type type, size_t row) {
  const auto tag = At<uint8_t>(duckdb_struct_vector_get_child(vector, 0), row);
  const LogicalType member(duckdb_union_type_member_type(type, tag));
  AppendJson(out, duckdb_struct_vector_get_child(vector, tag + idx_t{1}), member.get(), row);
}

void AppendJson(std::string& out, duckdb_vector vector, duckdb_logical_type type, size_t row) {
  if (!IsValid(duckdb_vector_get_validity(vector), row)) {
    out += "null";
    return;
  }
  const duckdb_type id = duckdb_get_type_id(type);
  switch (id) {
    case DUCKDB_TYPE_LIST: {
      const auto entry = At<duckdb_list_entry>(vector, row);
      AppendListJson(out, duckdb_list_vector_get_child(vector),
                     LogicalType(duckdb_list_type_child_type(type)), entry.offset, entry.length);
      return;
    }
    case DUCKDB_TYPE_ARRAY: {
      const idx_t size = duckdb_array_type_array_size(type);
      AppendListJson(out, duckdb_array_vector_get_child(vector),
                     LogicalType(duckdb_array_type_child_type(type)), row * size, size);
      return;
    }
    case DUCKDB_TYPE_STRUCT:
      return AppendStructJson(out, vector, type, row);
    case DUCKDB_TYPE_MAP:
      return AppendMapJson(out, vector, type, row);
    case DUCKDB_TYPE_UNION:
      return AppendUnionJson(out, vector, type, row);
    case DUCKDB_TYPE_BOOLEAN:
      out += At<bool>(vector, row) ? "true" : "false";
      return;
    case DUCKDB_TYPE_FLOAT:
      return AppendJsonDouble(out, At<float>(vector, row));
    case DUCKDB_TYPE_DOUBLE:
      return AppendJsonDouble(out, At<double>(vector, row));
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      return AppendJsonString(out, TextAt(vector, row));
    case DUCKDB_TYPE_ENUM:
      return AppendJsonString(
          out, TakeText(duckdb_enum_dictionary_value(type, EnumAt(vector, type, row))));
    default:
      break;
  }
  const Type kind = TypeOf(type);
  if (kind == Type::kInt) {
    out += std::to_string(IntegerAt(vector, id, row));
  } else if (kind == Type::kDecimal) {
    out += ExactText(vector, type, row);
  } else {
    AppendJsonString(out, OtherText(vector, id, row));
  }
}

double ToDouble(const std::string& text) {
  double value = std::nan("");
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <class From>
void CopyInts(duckdb_vector vector, size_t rows, std::vector<int64_t>& out, int64_t scale = 1) {
  const auto* data = static_cast<const From*>(duckdb_vector_get_data(vector));
  const size_t at = out.size();
  out.resize(at + rows);
  for (size_t i = 0; i < rows; ++i) {
    int64_t scaled = 0;  // infinities of coarse timestamps stay where they are
    const auto value = static_cast<int64_t>(data[i]);
    out[at + i] = __builtin_mul_overflow(value, scale, &scaled) ? value : scaled;
  }
}

template <class From>
void CopyDoubles(duckdb_vector vector, size_t rows, std::vector<double>& out) {
  const auto* data = static_cast<const From*>(duckdb_vector_get_data(vector));
  out.insert(out.end(), data, data + rows);
}

void AppendIntegers(duckdb_vector vector, duckdb_type id, size_t rows, std::vector<int64_t>& out) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_UTINYINT:
      return CopyInts<uint8_t>(vector, rows, out);
    case DUCKDB_TYPE_TINYINT:
      return CopyInts<int8_t>(vector, rows, out);
    case DUCKDB_TYPE_SMALLINT:
      return CopyInts<int16_t>(vector, rows, out);
    case DUCKDB_TYPE_USMALLINT:
      return CopyInts<uint16_t>(vector, rows, out);
    case DUCKDB_TYPE_UINTEGER:
      return CopyInts<uint32_t>(vector, rows, out);
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
      return CopyInts<int32_t>(vector, rows, out);
    case DUCKDB_TYPE_TIMESTAMP_S:
      return CopyInts<int64_t>(vector, rows, out, 1'000'000);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return CopyInts<int64_t>(vector, rows, out, 1'000);
    default:
      return CopyInts<int64_t>(vector, rows, out);
  }
}

void AppendValidity(duckdb_vector vector, size_t rows, std::vector<uint8_t>& valid) {
  const size_t at = valid.size();
  valid.resize(at + rows, 1);
  const uint64_t* mask = duckdb_vector_get_validity(vector);
  if (mask == nullptr) return;
  for (size_t i = 0; i < rows; ++i) valid[at + i] = (mask[i / 64] >> (i % 64)) & 1;
}

// Types whose name says all.
struct PlainType {
  duckdb_type id;
  const char* name;
};

constexpr PlainType kPlainTypes[] = {
    {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
    {DUCKDB_TYPE_TINYINT, "TINYINT"},
    {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
    {DUCKDB_TYPE_INTEGER, "INTEGER"},
    {DUCKDB_TYPE_BIGINT, "BIGINT"},
    {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
    {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
    {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
    {DUCKDB_TYPE_FLOAT, "FLOAT"},
    {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
    {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
    {DUCKDB_TYPE_BLOB, "BLOB"},
    {DUCKDB_TYPE_DATE, "DATE"},
    {DUCKDB_TYPE_TIME, "TIME"},
    {DUCKDB_TYPE_TIME_NS, "TIME_NS"},
    {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE"},
    {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
    {DUCKDB_TYPE_UUID, "UUID"},
    {DUCKDB_TYPE_BIT, "BIT"},
    {DUCKDB_TYPE_ENUM, "ENUM"},
    {DUCKDB_TYPE_UNION, "UNION"},
};

}  // namespace

Type TypeOf(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return Type::kBool;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
      return Type::kInt;
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_DECIMAL:
      return Type::kDecimal;
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
      return Type::kDouble;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM:
      return Type::kText;
    case DUCKDB_TYPE_BLOB:
      return Type::kBlob;
    case DUCKDB_TYPE_DATE:
      return Type::kDate;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Type::kTimestamp;
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return Type::kTimestampNanos;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_UNION:
      return Type::kJson;
    default:
      return Type::kOther;
  }
}

std::string DeclaredType(duckdb_logical_type type) {
  const duckdb_type id = duckdb_get_type_id(type);
  for (const PlainType& plain : kPlainTypes) {
    if (plain.id == id) return plain.name;
  }
  switch (id) {
    case DUCKDB_TYPE_DECIMAL:
      return "DECIMAL(" + std::to_string(duckdb_decimal_width(type)) + "," +
             std::to_string(duckdb_decimal_scale(type)) + ")";
    case DUCKDB_TYPE_LIST:
      return DeclaredType(LogicalType(duckdb_list_type_child_type(type)).get()) + "[]";
    case DUCKDB_TYPE_ARRAY:
      return DeclaredType(LogicalType(duckdb_array_type_child_type(type)).get()) + "[" +
             std::to_string(duckdb_array_type_array_size(type)) + "]";
    case DUCKDB_TYPE_MAP:
      return "MAP(" + DeclaredType(LogicalType(duckdb_map_type_key_type(type)).get()) + ", " +
             DeclaredType(LogicalType(duckdb_map_type_value_type(type)).get()) + ")";
    case DUCKDB_TYPE_STRUCT: {
      std::string out = "STRUCT(";
      for (idx_t c = 0; c < duckdb_struct_type_child_count(type); ++c) {
        if (c > 0) out += ", ";
        out += TakeText(duckdb_struct_type_child_name(type, c)) + " " +
               DeclaredType(LogicalType(duckdb_struct_type_child_type(type, c)).get());
      }
      return out + ")";
    }
    default:
      return "UNKNOWN";
  }
}

ColumnReader::ColumnReader(std::string name, LogicalType type)
    : info_{std::move(name), TypeOf(type.get()), DeclaredType(type.get())},
      type_(std::move(type)),
      id_(duckdb_get_type_id(type_.get())) {
  if (id_ != DUCKDB_TYPE_ENUM) return;
  const uint32_t count = duckdb_enum_dictionary_size(type_.get());
  for (uint32_t i = 0; i < count; ++i) {
    words_.push_back(TakeText(duckdb_enum_dictionary_value(type_.get(), i)));
  }
}

Column ColumnReader::Empty() const { return Column{info_, {}, {}, {}, {}}; }

void ColumnReader::Append(duckdb_vector vector, size_t rows, Column& column) const {
  const size_t first = column.valid.size();
  AppendValidity(vector, rows, column.valid);
  const uint8_t* valid = column.valid.data() + first;
  switch (info_.type) {
    case Type::kBool:
    case Type::kInt:
    case Type::kDate:
    case Type::kTimestamp:
    case Type::kTimestampNanos:
      AppendIntegers(vector, id_, rows, column.ints);
      for (size_t i = 0; i < rows; ++i) column.ints[first + i] &= -int64_t{valid[i]};
      return;
    case Type::kDouble:
      id_ == DUCKDB_TYPE_FLOAT ? CopyDoubles<float>(vector, rows, column.doubles)
                               : CopyDoubles<double>(vector, rows, column.doubles);
      for (size_t i = 0; i < rows; ++i)
        column.doubles[first + i] = valid[i] ? column.doubles[first + i] : 0;
      return;
    case Type::kDecimal:
      for (size_t i = 0; i < rows; ++i) {
        column.texts.push_back(valid[i] ? ExactText(vector, type_.get(), i) : "");
        column.doubles.push_back(valid[i] ? ToDouble(column.texts.back()) : 0);
      }
      return;
    default:
      break;
  }
  for (size_t i = 0; i < rows; ++i) {
    std::string& text = column.texts.emplace_back();
    if (!valid[i]) continue;
    if (id_ == DUCKDB_TYPE_ENUM) {
      text = words_[EnumAt(vector, type_.get(), i)];
    } else if (info_.type == Type::kText || info_.type == Type::kBlob) {
      text = TextAt(vector, i);
    } else if (info_.type == Type::kJson) {
      AppendJson(text, vector, type_.get(), i);
    } else {
      text = OtherText(vector, id_, i);
    }
  }
}

void ClearColumn(Column& column) {
  column.valid.clear();
  column.ints.clear();
  column.doubles.clear();
  column.texts.clear();
}

}  // namespace tatara::sql
