// child.h - a forked process that is waited for whatever happens, and reports failure by ending its parent too.
#pragma once

#include <sys/types.h>

#include <functional>

namespace bench {

class Child {
 public:
  // Runs `work` in a new process, which ends with exit 0 after it.
  explicit Child(const std::function<void()>& work);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  // True once the process has ended well; ends the program when it ended badly.
  [[nodiscard]] bool hasEnded();
  void wait();

 private:
  void judge(int status);

  pid_t pid_;
};

}  // namespace bench
