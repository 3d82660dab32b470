#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <exception>
#include <utility>

namespace unionfs::log {

namespace {

Sink sink;
std::atomic<int> threshold{static_cast<int>(Level::info)};

void appendHex(std::string& out, unsigned char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  out.append("\\u00").push_back(kDigits[c >> 4U]);
  out.push_back(kDigits[c & 15U]);
}

// Bytes that are not ASCII text are escaped one by one, so that names in any encoding give valid JSON.
void appendQuoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(raw);
    } else if (c < 0x20 || c >= 0x7f) {
      appendHex(out, c);
    } else {
      out.push_back(raw);
    }
  }
  out.push_back('"');
}

}  // namespace

void setSink(Sink newSink) { sink = std::move(newSink); }

void setLevel(Level level) { threshold.store(static_cast<int>(level), std::memory_order_relaxed); }

bool enabled(Level level) { return static_cast<int>(level) >= threshold.load(std::memory_order_relaxed); }

namespace {

void writeRecord(Level level, std::string_view message, std::initializer_list<Field> fields) {
  Record record{level, std::string(message), {}};
  for (const auto& field : fields) {
    if (!record.fieldsJson.empty()) record.fieldsJson.push_back(',');
    appendQuoted(record.fieldsJson, field.key);
    record.fieldsJson.push_back(':');
    if (field.isNumber) {
      record.fieldsJson.append(std::to_string(field.number));
    } else {
      appendQuoted(record.fieldsJson, field.text);
    }
  }
  if (sink) {
    sink(record);
  } else if (level >= Level::warn) {
    std::fprintf(stderr, "unionfs: %s {%s}\n", record.message.c_str(), record.fieldsJson.c_str());
  }
}

}  // namespace

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  try {
    writeRecord(level, message, fields);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unionfs: %.*s (record lost: %s)\n", static_cast<int>(message.size()), message.data(), error.what());
  }
}

}  // namespace unionfs::log
