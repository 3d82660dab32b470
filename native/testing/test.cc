// test.cc - the list of tests, running them, and main().
#include "testing/test.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

namespace unionfs::testing {
namespace {

struct Test {
  std::string_view name;
  std::string file;
  Body body;
};

// Function-local, so that registrations in other files find it built.
std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

std::mutex outputMutex;
std::atomic<unsigned> failuresOfTest{0};
std::atomic<bool> skipped{false};

}  // namespace

Registration::Registration(std::string_view name, const char* file, Body body) { tests().push_back({name, file, body}); }

void recordFailure(const char* file, int line, const std::string& what) {
  ++failuresOfTest;
  const std::lock_guard lock(outputMutex);
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

void recordSkip(const std::string& why) {
  skipped = true;
  const std::lock_guard lock(outputMutex);
  std::printf("  skipped: %s\n", why.c_str());
}

bool soon(const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  for (auto waited = 0ms; waited < 5s; waited += 1ms) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

int runTests(std::string_view filter) {
  unsigned passed = 0, failed = 0, notRun = 0;
  std::ranges::stable_sort(tests(), {}, &Test::file);
  for (const Test& test : tests()) {
    const bool wanted = test.name.find(filter) != std::string_view::npos || test.file.find(filter) != std::string::npos;
    if (!wanted) continue;
    failuresOfTest = 0;
    skipped = false;
    test.body();
    const char* verdict = failuresOfTest > 0 ? "not ok" : skipped ? "skip" : "ok";
    std::printf("%s - %.*s\n", verdict, static_cast<int>(test.name.size()), test.name.data());
    std::fflush(stdout);
    ++(failuresOfTest > 0 ? failed : skipped ? notRun : passed);
  }
  std::printf("%u passed, %u failed, %u skipped\n", passed, failed, notRun);
  return static_cast<int>(failed);
}

}  // namespace unionfs::testing

int main(int argc, char** argv) { return unionfs::testing::runTests(argc > 1 ? argv[1] : "") == 0 ? 0 : 1; }
