// events.h - what a process that serves waits for: signals as something to read, and word from its own threads.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// Signals that no longer interrupt but are taken one by one. Threads started meanwhile, and only those, are kept free of
// them as well; the destructor lets them come again.
class HeldSignals {
 public:
  static Result<std::unique_ptr<HeldSignals>> hold(std::initializer_list<int> numbers);
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The number of the next one; nothing when none has come.
  std::optional<int> take();

 private:
  HeldSignals(Fd fd, std::vector<int> numbers) : fd_(std::move(fd)), numbers_(std::move(numbers)) {}
  Fd fd_;
  std::vector<int> numbers_;
};

// Something that happens once and stays so; told from any thread.
class Event {
 public:
  static Result<Event> make();
  [[nodiscard]] int fd() const { return fd_.get(); }
  void tell() const;

 private:
  explicit Event(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// The first of `fds` that can be read, by its place; nothing when none can within the time (negative: for ever).
Result<std::optional<size_t>> waitForAny(const std::vector<int>& fds, int milliseconds);

}  // namespace unionfs::sys
