// log_forwarder.h - carries native log records to one environment's JavaScript function, in batches.
//
// The native log has one sink for the process; each forwarder sees every record. A record is queued under a short
// lock and at most one hand-over to JavaScript is pending, so a flood of records costs one call, not thousands.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "binding/js_channel.h"

namespace unionfs::binding {

class LogForwarder : public std::enable_shared_from_this<LogForwarder> {
 public:
  // On the JavaScript thread. Records reach `function` until stop() or the end of the environment.
  static std::shared_ptr<LogForwarder> start(Napi::Env env, Napi::Function function);
  // On the JavaScript thread. What is queued is handed over first.
  void stop(Napi::Env env);
  // From any thread.
  void push(const log::Record& record);

 private:
  void deliver(Napi::Env env);

  // More than this between two turns of JavaScript are counted instead of kept.
  static constexpr size_t kMaxQueued = 10000;

  std::shared_ptr<JsChannel> channel_;
  // JavaScript thread only. Freed by stop() alone: a forwarder that outlives its environment must not touch it.
  Napi::FunctionReference* function_ = nullptr;
  std::mutex mu_;
  std::vector<log::Record> queue_;  // guarded by mu_
  size_t dropped_ = 0;              // guarded by mu_
  bool pending_ = false;            // guarded by mu_
};

}  // namespace unionfs::binding
