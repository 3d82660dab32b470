// memory_fault.cc - operator new with a plan.
#include "testing/memory_fault.h"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace unionfs::testing {
namespace {

thread_local uint64_t untilFault = 0;  // 0: unarmed
std::atomic<size_t> tooLarge{std::numeric_limits<size_t>::max()};
std::atomic<uint64_t> refused{0};

bool strikes(size_t size) {
  if (untilFault > 0 && --untilFault == 0) return true;
  if (size < tooLarge.load(std::memory_order_relaxed)) return false;
  refused.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

AllocationFault::AllocationFault(uint64_t at) { untilFault = at; }
AllocationFault::~AllocationFault() { untilFault = 0; }
bool AllocationFault::struck() const { return untilFault == 0; }

LargeAllocationsFail::LargeAllocationsFail(size_t bytes) {
  refused = 0;
  tooLarge = bytes;
}
LargeAllocationsFail::~LargeAllocationsFail() { tooLarge = std::numeric_limits<size_t>::max(); }
uint64_t LargeAllocationsFail::struck() const { return refused; }

}  // namespace unionfs::testing

// Every form but those for over-aligned types, which nobody here has. Left to the library the others would come down to
// the first, but a sanitizer has its own of each, and sees memory of one freed by another.
void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return unionfs::testing::strikes(size) ? nullptr : std::malloc(size > 0 ? size : 1);
}
void* operator new(size_t size) {
  void* const at = operator new(size, std::nothrow);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, size_t /*size*/) noexcept { std::free(at); }
void operator delete(void* at, const std::nothrow_t& /*tag*/) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete[](void* at, size_t /*size*/) noexcept { std::free(at); }
void operator delete[](void* at, const std::nothrow_t& /*tag*/) noexcept { std::free(at); }
