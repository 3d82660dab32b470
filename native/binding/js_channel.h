// js_channel.h - runs closures on the JavaScript thread of one environment, from any thread, as long as it lives.
//
// Node frees a thread-safe function when its environment ends, whoever still holds it. The channel outlives it: a
// post after that is refused instead of touching freed memory.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>

namespace unionfs::binding {

class JsChannel {
 public:
  using Task = std::function<void(Napi::Env)>;

  // On the JavaScript thread. While open, a channel that `keepsAlive` keeps the process from ending by itself.
  static std::shared_ptr<JsChannel> create(Napi::Env env, const char* name, bool keepsAlive);

  // False when the environment is gone; the task is then dropped.
  bool post(Task task);
  // Tasks posted before still run.
  void close();

 private:
  static void run(napi_env env, napi_value function, void* context, void* data);
  static void finalize(napi_env env, void* data, void* hint);

  std::mutex mu_;
  napi_threadsafe_function function_ = nullptr;  // guarded by mu_; null once closed or freed by Node
};

}  // namespace unionfs::binding
