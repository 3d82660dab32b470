// js_channel.cc - see js_channel.h.
#include "binding/js_channel.h"

#include <utility>

namespace unionfs::binding {

std::shared_ptr<JsChannel> JsChannel::create(Napi::Env env, const char* name, bool keepsAlive) {
  auto channel = std::make_shared<JsChannel>();
  auto* kept = new std::shared_ptr<JsChannel>(channel);
  napi_threadsafe_function function = nullptr;
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, kept, &finalize, nullptr, &run, &function);
  if (status != napi_ok) {
    delete kept;
    Napi::Error::New(env, "cannot create a thread-safe function").ThrowAsJavaScriptException();
    return nullptr;
  }
  if (!keepsAlive) napi_unref_threadsafe_function(env, function);
  const std::lock_guard lock(channel->mu_);
  channel->function_ = function;
  return channel;
}

bool JsChannel::post(Task task) {
  auto boxed = std::make_unique<Task>(std::move(task));
  const std::lock_guard lock(mu_);
  if (function_ == nullptr) return false;
  const napi_status status = napi_call_threadsafe_function(function_, boxed.get(), napi_tsfn_nonblocking);
  if (status == napi_ok) {
    static_cast<void>(boxed.release());
    return true;
  }
  // napi_closing already gave back our share of the function.
  if (status == napi_closing) function_ = nullptr;
  return false;
}

void JsChannel::close() {
  const std::lock_guard lock(mu_);
  if (function_ == nullptr) return;
  napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

void JsChannel::run(napi_env env, napi_value /*function*/, void* /*context*/, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (env == nullptr) return;  // torn down with the task still queued
  const Napi::HandleScope scope(env);
  (*task)(env);
}

void JsChannel::finalize(napi_env /*env*/, void* data, void* /*hint*/) {
  const std::unique_ptr<std::shared_ptr<JsChannel>> kept(static_cast<std::shared_ptr<JsChannel>*>(data));
  const std::lock_guard lock((*kept)->mu_);
  (*kept)->function_ = nullptr;
}

}  // namespace unionfs::binding
