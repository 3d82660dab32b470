// seek.cc - looking for holes with the kernel's dirty pages written back first.
#include "fuse/seek.h"

#include <unistd.h>

#include <exception>

#include "base/log.h"
#include "fuse/dispatcher.h"
#include "sys/serving_thread.h"

namespace unionfs {
namespace {

// Each turn of seekHole passes one hole that turned out to be data; beyond this many the file is written to while
// it is looked at, and any answer is as good.
constexpr int kTurns = 1000;

}  // namespace

bool DataSeeker::take(const SeekTask& task) {
  const std::lock_guard lock(mu_);
  if (stopping_) return false;
  if (!thread_.joinable()) {
    auto thread = sys::Thread::start([this] { run(); });
    if (!thread) return false;
    thread_ = std::move(*thread);
  }
  tasks_.push_back(task);
  changed_.notify_one();
  return true;
}

void DataSeeker::stop() {
  {
    const std::lock_guard lock(mu_);
    stopping_ = true;
    tasks_.clear();
    changed_.notify_one();
  }
  thread_.join();
}

void DataSeeker::run() {
  const Status ready = sys::becomeServingThread("unionfs-seek");
  if (!ready) log::write(log::Level::warn, "seek thread keeps the umask of the process", {{"errno", ready.error().value()}});
  std::unique_lock lock(mu_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const SeekTask task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    const auto found = seek(task);
    const abi::LseekOut out{.offset = found.ok() ? *found : 0};
    sendAnswer(*task.channel, task.unique, found.ok() ? 0 : found.error().value(), std::as_bytes(std::span(&out, 1)));
    lock.lock();
  }
}

Result<uint64_t> DataSeeker::seek(const SeekTask& task) {
  const Notifier notifier(*task.channel);
  try {
    return task.whence == SEEK_DATA ? seekData(task, notifier) : seekHole(task, notifier);
  } catch (const std::exception& error) {  // as in Dispatcher::run
    log::write(log::Level::error, "operation ended by an exception", {{"op", "lseek"}, {"node", task.node}, {"what", error.what()}});
    return Errno(EIO);
  }
}

Result<uint64_t> DataSeeker::seekData(const SeekTask& task, const Notifier& notifier) {
  const auto data = overlay_.lseek(task.node, task.offset, SEEK_DATA);
  if (!data && !data.failsWith(ENXIO)) return data;
  if (data && *data == task.offset) return data;
  TRY(notifier.invalidateData(task.node, task.offset, data ? *data - task.offset : 0));
  return overlay_.lseek(task.node, task.offset, SEEK_DATA);
}

Result<uint64_t> DataSeeker::seekHole(const SeekTask& task, const Notifier& notifier) {
  auto hole = overlay_.lseek(task.node, task.offset, SEEK_HOLE);
  for (int turn = 0; turn < kTurns; ++turn) {
    if (!hole && !hole.failsWith(ENXIO)) return hole;
    const uint64_t begin = hole ? *hole : task.offset;
    const auto data = overlay_.lseek(task.node, begin, SEEK_DATA);
    if (!data && !data.failsWith(ENXIO)) return data;
    TRY(notifier.invalidateData(task.node, begin, data ? *data - begin : 0));
    auto again = overlay_.lseek(task.node, task.offset, SEEK_HOLE);
    const bool same = hole ? again && *again == *hole : again.failsWith(ENXIO);
    if (same) return again;
    hole = std::move(again);
  }
  return hole;
}

}  // namespace unionfs
