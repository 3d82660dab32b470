// starter_pipe.h - how the daemon tells the starter how its start went.
//
// The daemon inherits the write end as descriptor kDaemonEnd, named by the variable kVariable. It writes the exit code
// in decimal, a newline, and the text meant for the person, and closes. Nothing written: it died.
#pragma once

#include <string>

namespace unionfs::launch {

inline constexpr int kDaemonEnd = 3;
inline constexpr const char* kVariable = "UNIONFS_STARTER_FD";

struct Outcome {
  bool reported = false;
  int exitCode = 1;
  std::string text;
};

// Parses what came through the pipe.
Outcome parseOutcome(const std::string& message);
// Everything up to the end of the pipe.
std::string readToEnd(int fd);

}  // namespace unionfs::launch
