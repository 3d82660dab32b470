// report.h - what the workers tell their parent: counts per operation, the operation at hand, and the end of the run
// when something is wrong.
#pragma once

#include <atomic>
#include <cstdint>

inline constexpr int kMaxWorkers = 64;
inline constexpr int kMaxOperations = 128;

// Lies in memory shared by all processes of the run.
struct SharedReport {
  struct Operation {
    std::atomic<const char*> name;  // string literals: at the same address in every forked worker
    std::atomic<uint64_t> succeeded;
    std::atomic<uint64_t> refused;  // an errno that the operation may rightly have
  };
  Operation operations[kMaxOperations];
  std::atomic<const char*> current[kMaxWorkers];
  std::atomic<bool> stop;
};

SharedReport* makeSharedReport();

// Tells failures of this process which worker they belong to.
void nameThisWorker(SharedReport* report, int worker);

// Notes the operation this worker begins.
void beginOperation(const char* name);

// Counts the operation at hand. `error` is 0 or an errno; one that no operation may have ends the run.
void endOperation(int error, const char* where);

// Ends this worker with a message on stderr; the run fails.
[[noreturn]] void fail(const char* where, const char* format, ...) __attribute__((format(printf, 2, 3)));

void printReport(const SharedReport& report);
