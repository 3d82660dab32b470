#include "daemon/json.h"

#include <array>
#include <charconv>

namespace unionfs::daemon {

std::string jsonText(std::string_view utf8) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append("\\u00").append({kDigits[c >> 4], kDigits[c & 15]});
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string jsonTexts(const std::vector<std::string>& utf8) {
  std::string out = "[";
  for (const std::string& each : utf8) out += (out.size() > 1 ? "," : "") + jsonText(each);
  return out + "]";
}

JsonObject& JsonObject::real(std::string_view name, double value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return json(name, {text.data(), end.ptr});
}

JsonObject& JsonObject::json(std::string_view name, std::string_view value) {
  members_ += members_.empty() ? '{' : ',';
  members_ += jsonText(name);
  members_ += ':';
  members_ += value;
  return *this;
}

}  // namespace unionfs::daemon
