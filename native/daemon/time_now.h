// time_now.h - the time as JavaScript writes it.
#pragma once

#include <string>

namespace unionfs::daemon {

// ISO 8601, in UTC, with milliseconds.
std::string timeNow();

}  // namespace unionfs::daemon
