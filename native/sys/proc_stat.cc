#include "sys/proc_stat.h"

namespace unionfs::sys {
namespace {

// The name is field 2, in parentheses that may occur in it too.
constexpr int kFieldAfterName = 3;

}  // namespace

std::string_view statField(std::string_view stat, int number) {
  const size_t nameEnd = stat.rfind(')');
  if (nameEnd == std::string_view::npos) return {};
  std::string_view rest = stat.substr(nameEnd + 1);
  for (int field = kFieldAfterName; field <= number; ++field) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return {};
    rest.remove_prefix(space + 1);
  }
  return rest.substr(0, rest.find(' '));
}

}  // namespace unionfs::sys
