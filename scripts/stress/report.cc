// report.cc - see report.h.
#include "report.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

SharedReport* g_report = nullptr;
int g_worker = -1;
const char* g_operation = "start";

SharedReport::Operation& slotOf(const char* name) {
  for (SharedReport::Operation& slot : g_report->operations) {
    const char* expected = nullptr;
    if (slot.name.compare_exchange_strong(expected, name) || std::strcmp(expected, name) == 0) return slot;
  }
  fail("", "more than %d operations", kMaxOperations);
}

// What a file system that works never answers to a correct call.
bool isFatal(int error) {
  switch (error) {
    case EIO:
    case ESTALE:
    case ENOTCONN:
    case ECONNABORTED:
    case ECONNREFUSED:
    case EBADF:
    case EFAULT:
    case EPROTO:
    case EUCLEAN:
    case ENOSYS:
    case ENOMEM:
      return true;
    default:
      return false;
  }
}

}  // namespace

SharedReport* makeSharedReport() {
  void* memory = mmap(nullptr, sizeof(SharedReport), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  return new (memory) SharedReport{};
}

void nameThisWorker(SharedReport* report, int worker) {
  g_report = report;
  g_worker = worker;
}

void beginOperation(const char* name) {
  g_operation = name;
  g_report->current[g_worker].store(name, std::memory_order_relaxed);
}

void endOperation(int error, const char* where) {
  if (isFatal(error)) fail(where, "answered %s", strerrorname_np(error));
  SharedReport::Operation& slot = slotOf(g_operation);
  (error == 0 ? slot.succeeded : slot.refused).fetch_add(1, std::memory_order_relaxed);
}

void fail(const char* where, const char* format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  char line[2048];
  const int length = std::snprintf(line, sizeof line, "stress: worker %d: %s: %s: %s\n", g_worker, g_operation, where, message);
  // One write, so that lines of several workers do not mix; nothing is left to do if stderr is gone.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, static_cast<size_t>(length));
  _exit(1);
}

void printReport(const SharedReport& report) {
  uint64_t total = 0;
  std::printf("%-28s %12s %12s\n", "operation", "succeeded", "refused");
  for (const SharedReport::Operation& slot : report.operations) {
    const char* name = slot.name.load();
    if (name == nullptr) break;
    total += slot.succeeded.load() + slot.refused.load();
    std::printf("%-28s %12llu %12llu\n", name, static_cast<unsigned long long>(slot.succeeded.load()),
                static_cast<unsigned long long>(slot.refused.load()));
  }
  std::printf("%-28s %12llu\n", "total", static_cast<unsigned long long>(total));
}
