// blocking.h - tells the thread's owner that the work now begun may take long.
//
// A serving thread sets a hook that gives its place at the device to another thread. The engine calls aboutToBlock()
// before it copies data, syncs, or waits for a contended lock; on any other thread it does nothing.
#pragma once

namespace unionfs {

struct BlockingHook {
  void (*call)(void*) = nullptr;
  void* argument = nullptr;
};

// For the calling thread; a default BlockingHook takes it away again.
void setBlockingHook(BlockingHook hook);

// Cheap to call more than once in a request. Call it with no leaf lock held.
void aboutToBlock();

}  // namespace unionfs
