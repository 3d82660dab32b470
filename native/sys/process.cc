#include "sys/process.h"

#include <csignal>
#include <fstream>
#include <string>

namespace unionfs::sys {

bool isBeingKilled(pid_t tid) {
  if (tid == 0) return false;
  std::ifstream status("/proc/" + std::to_string(tid) + "/status");
  if (!status) return true;
  uint64_t pending = 0;
  for (std::string key; status >> key;) {
    if (key != "SigPnd:" && key != "ShdPnd:") continue;
    uint64_t mask = 0;
    status >> std::hex >> mask;
    pending |= mask;
  }
  return (pending >> (SIGKILL - 1) & 1U) != 0;
}

}  // namespace unionfs::sys
