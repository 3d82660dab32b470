// test.h - a registrar of tests with sentences for names, and the few checks they need.
//
//   TEST("unlink of a lower file leaves a whiteout in upper") { EXPECT_EQ(dump(upper), "a whiteout\n"); }
//
// A failed EXPECT is recorded and the test goes on; a failed REQUIRE ends it. Both may be used on any thread, REQUIRE
// in functions returning void only.
#pragma once

#include <functional>
#include <sstream>
#include <string>
#include <string_view>

#include "base/result.h"

namespace unionfs::testing {

using Body = void (*)();

struct Registration {
  Registration(std::string_view name, const char* file, Body body);
};

void recordFailure(const char* file, int line, const std::string& what);
void recordSkip(const std::string& why);

// Runs every test whose name or file contains `filter`. The number of failed ones.
int runTests(std::string_view filter);

// Whether the condition comes true within some seconds; it is asked again and again.
bool soon(const std::function<bool()>& condition);

// How values appear in a failure.
template <typename T>
std::string show(const T& value) {
  std::ostringstream out;
  if constexpr (requires { out << value; }) {
    out << std::boolalpha << value;
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else {
    out << "(value of " << sizeof(T) << " bytes)";
  }
  return out.str();
}
inline std::string show(Errno error) { return "errno " + std::to_string(error.value()); }

template <typename A, typename B>
void expectEqual(const A& actual, const B& expected, const char* text, const char* file, int line) {
  if (actual == expected) return;
  recordFailure(file, line, std::string(text) + "\n    is:     " + show(actual) + "\n    wanted: " + show(expected));
}

}  // namespace unionfs::testing

#define TEST(name)                                                                                                              \
  static void UNIONFS_CONCAT(testBody, __LINE__)();                                                                             \
  static const ::unionfs::testing::Registration UNIONFS_CONCAT(testRegistration, __LINE__)(name, __FILE__,                      \
                                                                                           UNIONFS_CONCAT(testBody, __LINE__)); \
  static void UNIONFS_CONCAT(testBody, __LINE__)()

#define EXPECT(condition)                                                                \
  do {                                                                                   \
    if (!(condition)) ::unionfs::testing::recordFailure(__FILE__, __LINE__, #condition); \
  } while (false)

// Actual value first.
#define EXPECT_EQ(actual, expected) ::unionfs::testing::expectEqual((actual), (expected), #actual, __FILE__, __LINE__)

#define REQUIRE(condition)                                               \
  do {                                                                   \
    if (!(condition)) {                                                  \
      ::unionfs::testing::recordFailure(__FILE__, __LINE__, #condition); \
      return;                                                            \
    }                                                                    \
  } while (false)

// Ends the test without a verdict; the reason is printed.
#define SKIP(why)                        \
  do {                                   \
    ::unionfs::testing::recordSkip(why); \
    return;                              \
  } while (false)
