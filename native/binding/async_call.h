// async_call.h - one call off the JavaScript thread, answered by a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <utility>

#include "binding/convert.h"

namespace unionfs::binding {

// `work` runs on a pool thread and fails or not; `answer` then makes the promise's value on the JavaScript thread.
class AsyncCall : public Napi::AsyncWorker {
 public:
  using Work = std::function<std::optional<Failure>()>;
  using Answer = std::function<Napi::Value(Napi::Env)>;
  // Runs on the JavaScript thread when `work` failed, before the promise rejects.
  using OnFailure = std::function<void(Napi::Env)>;

  static Napi::Promise start(Napi::Env env, Work work, Answer answer, OnFailure onFailure = {}) {
    auto* call = new AsyncCall(env, std::move(work), std::move(answer), std::move(onFailure));
    const Napi::Promise promise = call->deferred_.Promise();
    call->Queue();  // deletes itself when it has answered
    return promise;
  }

 private:
  AsyncCall(Napi::Env env, Work work, Answer answer, OnFailure onFailure)
      : Napi::AsyncWorker(env, "unionfs"),
        deferred_(env),
        work_(std::move(work)),
        answer_(std::move(answer)),
        onFailure_(std::move(onFailure)) {}

  void Execute() override { failure_ = work_(); }

  void OnOK() override {
    if (!failure_) {
      deferred_.Resolve(answer_(Env()));
      return;
    }
    if (onFailure_) onFailure_(Env());
    deferred_.Reject(toError(Env(), *failure_).Value());
  }

  Napi::Promise::Deferred deferred_;
  Work work_;
  Answer answer_;
  OnFailure onFailure_;
  std::optional<Failure> failure_;
};

}  // namespace unionfs::binding
