// memory_fault.h - lets an allocation fail: std::bad_alloc out of `new`, as when there is no memory.
//
// This file's .cc replaces operator new of the whole test program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace unionfs::testing {

// While it lives, the `at`th allocation of this thread fails, once.
class AllocationFault {
 public:
  explicit AllocationFault(uint64_t at);
  ~AllocationFault();
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;
  // The allocation was reached.
  [[nodiscard]] bool struck() const;
};

// While it lives, every allocation of at least so many bytes fails, on all threads.
class LargeAllocationsFail {
 public:
  explicit LargeAllocationsFail(size_t bytes);
  ~LargeAllocationsFail();
  LargeAllocationsFail(const LargeAllocationsFail&) = delete;
  LargeAllocationsFail& operator=(const LargeAllocationsFail&) = delete;
  [[nodiscard]] uint64_t struck() const;
};

}  // namespace unionfs::testing
