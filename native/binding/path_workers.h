// path_workers.h - threads that run tasks for the JavaScript thread, which itself never waits for a layer.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "sys/serving_thread.h"

namespace unionfs::binding {

class PathWorkers {
 public:
  using Task = std::function<void()>;

  PathWorkers() = default;
  ~PathWorkers() { stop(); }
  PathWorkers(const PathWorkers&) = delete;
  PathWorkers& operator=(const PathWorkers&) = delete;

  // Fails when not a single thread can serve.
  Status start(unsigned threads);
  // False when there are no workers (any more): the task was not taken.
  bool post(Task task);
  // Runs what was taken, then ends the threads. From any thread but a worker.
  void stop();
  [[nodiscard]] unsigned threads() const;

 private:
  void serve();
  // Waits for a task; an empty one means that there will be no more.
  Task take();

  mutable std::mutex mu_;
  std::condition_variable changed_;
  std::deque<Task> queue_;            // guarded by mu_
  std::vector<sys::Thread> threads_;  // guarded by mu_
  bool accepting_ = false;            // guarded by mu_
  unsigned ready_ = 0, settled_ = 0;  // guarded by mu_; threads that serve, threads that have tried to
};

}  // namespace unionfs::binding
