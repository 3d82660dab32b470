// report.cc - see report.h.
#include "report.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {

namespace {
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
}  // namespace

// The client forks; _Exit keeps a child from flushing what its parent had buffered.
void usage(const std::string& message) {
  std::fprintf(stderr, "client: %s\n", message.c_str());
  std::_Exit(kExitUsage);
}

void fail(std::string_view what, std::string_view path) {
  const int error = errno;
  std::fprintf(stderr, "%.*s %.*s: %s\n", static_cast<int>(what.size()), what.data(), static_cast<int>(path.size()), path.data(),
               std::strerror(error));
  std::_Exit(kExitFailure);
}

void failWith(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::_Exit(kExitFailure);
}

Report& Report::add(std::string_view name, double value) {
  char number[64];
  std::snprintf(number, sizeof number, "%.9g", value);
  if (!body_.empty()) body_ += ",";
  body_ += '"';
  body_ += name;
  body_ += "\":";
  body_ += number;
  return *this;
}

void Report::print() const {
  std::printf("{%s}\n", body_.c_str());
  std::fflush(stdout);
}

std::uint64_t nowNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

Stopwatch::Stopwatch() : start_(nowNanoseconds()) {}

double Stopwatch::seconds() const { return static_cast<double>(nowNanoseconds() - start_) / static_cast<double>(kNanosecondsPerSecond); }

}  // namespace bench
