// log.h - structured log records from any native thread to one sink.
//
// The sink (set once, before threads start) forwards to pino; without one, records of level warn and above go to
// stderr. Logging never blocks on JavaScript and never throws: a record
// there is no memory for is told of on stderr instead.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace unionfs::log {

// Numbers are pino's.
enum class Level : int { trace = 10, debug = 20, info = 30, warn = 40, error = 50 };

// One key and value of a record; numbers stay numbers in the JSON line.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), text(v) {}
  Field(std::string_view k, const char* v) : key(k), text(v) {}
  Field(std::string_view k, const std::string& v) : key(k), text(v) {}
  template <typename N>
  requires std::is_integral_v<N> Field(std::string_view k, N v) : key(k), number(static_cast<int64_t>(v)), isNumber(true) {}

  std::string key;
  std::string text;
  int64_t number = 0;
  bool isNumber = false;
};

struct Record {
  Level level = Level::info;
  std::string message;
  std::string fieldsJson;  // `"k":"v","n":1`, without braces, ready to be put into an object
};

using Sink = std::function<void(const Record&)>;

// Precondition: no other thread logs at the same moment.
void setSink(Sink sink);
void setLevel(Level level);
[[nodiscard]] bool enabled(Level level);

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

}  // namespace unionfs::log
