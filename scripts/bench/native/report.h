// report.h - how the client ends: one JSON object of numbers on stdout, or one line on stderr and exit 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

[[noreturn]] void usage(const std::string& message);
// Ends the program, naming what failed, the path, and errno.
[[noreturn]] void fail(std::string_view what, std::string_view path);
// Ends the program, naming a condition that is not an errno.
[[noreturn]] void failWith(const std::string& message);

class Report {
 public:
  Report& add(std::string_view name, double value);
  void print() const;

 private:
  std::string body_;
};

// Seconds of the monotonic clock since construction.
class Stopwatch {
 public:
  Stopwatch();
  [[nodiscard]] double seconds() const;

 private:
  std::uint64_t start_;
};

std::uint64_t nowNanoseconds();

}  // namespace bench
