#include "sys/fault.h"

#include <unistd.h>

#include <mutex>

namespace unionfs::fault {

std::atomic<bool> armed{false};

namespace {
std::mutex planMutex;
Plan current;
uint64_t count = 0;
}  // namespace

void arm(Plan plan) {
  const std::lock_guard lock(planMutex);
  current = plan;
  count = 0;
  armed.store(true, std::memory_order_relaxed);
}

void disarm() { armed.store(false, std::memory_order_relaxed); }

uint64_t passed() {
  const std::lock_guard lock(planMutex);
  return count;
}

int visit(const char* /*call*/, Calls kind) {
  const std::lock_guard lock(planMutex);
  if (kind != current.calls) return 0;
  ++count;
  const bool struck = count == current.at || (current.lasting && count > current.at);
  if (current.effect == Effect::none || !struck) return 0;
  if (current.effect == Effect::die) ::_exit(77);
  return current.error;
}

}  // namespace unionfs::fault
