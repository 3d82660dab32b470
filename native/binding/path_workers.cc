// path_workers.cc - see path_workers.h.
#include "binding/path_workers.h"

#include <utility>

namespace unionfs::binding {

Status PathWorkers::start(unsigned threads) {
  std::unique_lock lock(mu_);
  accepting_ = true;
  Errno why(EAGAIN);
  for (unsigned i = 0; i < threads; ++i) {
    auto thread = sys::Thread::start([this] { serve(); });
    if (!thread) {
      why = thread.error();
      break;
    }
    threads_.push_back(std::move(*thread));
  }
  changed_.wait(lock, [this] { return settled_ == threads_.size(); });
  if (ready_ > 0) return success();
  accepting_ = false;
  return why;
}

void PathWorkers::serve() {
  const Status able = sys::becomeServingThread("unionfs path");
  {
    const std::lock_guard lock(mu_);
    ++settled_;
    if (able) ++ready_;
  }
  changed_.notify_all();
  if (!able) return;
  while (const Task task = take()) task();
}

PathWorkers::Task PathWorkers::take() {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [this] { return !queue_.empty() || !accepting_; });
  if (queue_.empty()) return {};
  Task task = std::move(queue_.front());
  queue_.pop_front();
  return task;
}

bool PathWorkers::post(Task task) {
  {
    const std::lock_guard lock(mu_);
    if (!accepting_) return false;
    queue_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void PathWorkers::stop() {
  std::vector<sys::Thread> last;
  {
    const std::lock_guard lock(mu_);
    accepting_ = false;
    last = std::exchange(threads_, {});
    ready_ = 0;
  }
  changed_.notify_all();
  for (sys::Thread& thread : last) thread.join();
}

unsigned PathWorkers::threads() const {
  const std::lock_guard lock(mu_);
  return ready_;
}

}  // namespace unionfs::binding
