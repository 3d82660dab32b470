// json.h - writing JSON: what other programs of ours read from a daemon. (The log escapes bytes, as names there may be no text.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unionfs::daemon {

// A quoted text. `utf8` is UTF-8; control characters, quotes and backslashes are escaped.
std::string jsonText(std::string_view utf8);
std::string jsonTexts(const std::vector<std::string>& utf8);

// An object, member by member.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) { return json(name, jsonText(value)); }
  JsonObject& texts(std::string_view name, const std::vector<std::string>& values) { return json(name, jsonTexts(values)); }
  JsonObject& flag(std::string_view name, bool value) { return json(name, value ? "true" : "false"); }
  JsonObject& number(std::string_view name, uint64_t value) { return json(name, std::to_string(value)); }
  JsonObject& real(std::string_view name, double value);
  // A value that is JSON already.
  JsonObject& json(std::string_view name, std::string_view value);
  [[nodiscard]] std::string done() const { return members_.empty() ? "{}" : members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace unionfs::daemon
