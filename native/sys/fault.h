// fault.h - makes the Nth changing system call fail, or the process die there, for the fault loop.
//
// Every system call of this room that changes a layer passes one point, and those that ask a layer pass another kind.
// Unarmed, a point costs one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/result.h"

namespace unionfs::fault {

enum class Effect {
  none,  // count only
  fail,  // the call is not made; it returns `error`
  die,   // the process ends at once, as by a crash, before the call is made
};

enum class Calls {
  changing,  // of a layer
  reading,   // names, attributes, xattrs or data of a layer
};

struct Plan {
  Effect effect = Effect::none;
  uint64_t at = 0;  // 1 is the next point
  int error = EIO;
  Calls calls = Calls::changing;  // the others are neither counted nor touched
  bool lasting = false;           // all calls from `at` on
};

// Arms the plan and restarts the count. Process-wide.
void arm(Plan plan);
void disarm();
// Points passed since arm().
uint64_t passed();

extern std::atomic<bool> armed;
// Slow half of point(); returns the errno to fail with, or 0.
int visit(const char* call, Calls kind);

// 0, or the errno the calling wrapper must fail with.
inline int point(const char* call, Calls kind) {
  if (!armed.load(std::memory_order_relaxed)) [[likely]]
    return 0;
  return visit(call, kind);
}

}  // namespace unionfs::fault

// In a wrapper that returns a Result: FAULT_POINT("renameat2"), READ_FAULT_POINT("statx").
#define FAULT_POINT_OF(call, kind)                                                 \
  do {                                                                             \
    if (const int fault_error_ = ::unionfs::fault::point(call, kind)) [[unlikely]] \
      return Errno(fault_error_);                                                  \
  } while (false)
#define FAULT_POINT(call) FAULT_POINT_OF(call, ::unionfs::fault::Calls::changing)
#define READ_FAULT_POINT(call) FAULT_POINT_OF(call, ::unionfs::fault::Calls::reading)
