#include "sys/proc_fields.h"

namespace unionfs::sys {

std::string_view wordBehind(std::string_view text, size_t spaces) {
  for (; spaces > 0; --spaces) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text.remove_prefix(space + 1);
  }
  return text.substr(0, text.find(' '));
}

std::string_view statField(std::string_view stat, size_t number) {
  // The name is field 2, in parentheses that may occur in it too.
  const size_t nameEnd = stat.rfind(')');
  return nameEnd == std::string_view::npos ? std::string_view() : wordBehind(stat.substr(nameEnd), number - 2);
}

}  // namespace unionfs::sys
