// fd.h - an owned file descriptor, and the (directory, name) pair all path operations take.
#pragma once

#include <utility>

namespace unionfs {

// Closes on destruction; move-only. An empty Fd holds -1.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int raw) : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.raw_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(-1); }

  [[nodiscard]] int get() const { return raw_; }
  explicit operator bool() const { return raw_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(raw_, -1); }
  void reset(int raw);

 private:
  int raw_ = -1;
};

// A file below a directory descriptor. `name` is one component or a relative path without symlinks; the empty string
// means the file `dir` itself refers to. Borrows both.
struct At {
  int dir = -1;
  const char* name = "";
  [[nodiscard]] bool isSelf() const { return *name == '\0'; }
};

}  // namespace unionfs
