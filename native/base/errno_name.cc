#include "base/errno_name.h"

#include <cstring>

namespace unionfs {

std::string errnoName(Errno error) {
  const char* name = strerrorname_np(error.value());
  return name != nullptr ? std::string(name) : "E" + std::to_string(error.value());
}

std::string describe(Errno error) {
  const char* text = strerrordesc_np(error.value());
  return errnoName(error) + (text != nullptr ? std::string(": ") + text : std::string());
}

}  // namespace unionfs
