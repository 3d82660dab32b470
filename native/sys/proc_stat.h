// proc_stat.h - the fields of /proc/PID/stat (proc_pid_stat(5)).
#pragma once

#include <string_view>

namespace unionfs::sys {

// Field `number` (3 at least) of the text, as it stands there; empty when there is none.
std::string_view statField(std::string_view stat, int number);

}  // namespace unionfs::sys
