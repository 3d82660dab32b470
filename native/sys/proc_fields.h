// proc_fields.h - single fields of files of /proc whose lines are words.
#pragma once

#include <cstddef>
#include <string_view>

namespace unionfs::sys {

// The word behind `spaces` spaces; empty when there are fewer.
std::string_view wordBehind(std::string_view text, size_t spaces);

// Field `number` (3 at least) of a text of /proc/PID/stat (proc_pid_stat(5)), as it stands there; empty when there is none.
std::string_view statField(std::string_view stat, size_t number);

}  // namespace unionfs::sys
