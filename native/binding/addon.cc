// addon.cc - what JavaScript sees of the engine. The contract in words: src/engine/contract.ts.
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/async_call.h"
#include "binding/convert.h"
#include "binding/js_channel.h"
#include "binding/layer_tools.h"
#include "binding/log_forwarder.h"
#include "binding/mount_session.h"
#include "binding/path_ops.h"
#include "binding/probe.h"
#include "binding/record_feed.h"

namespace unionfs::binding {
namespace {

// The sessions of one environment. One that ends with mounts still there (a worker that stops) unmounts them lazily.
class Environment {
 public:
  void add(const std::shared_ptr<MountSession>& session) {
    std::erase_if(sessions_, [](const auto& each) { return each.expired(); });
    sessions_.push_back(session);
  }

  void closeAll() {
    for (const auto& weak : std::exchange(sessions_, {})) {
      if (const auto session = weak.lock()) session->close();
    }
  }

 private:
  std::vector<std::weak_ptr<MountSession>> sessions_;  // JavaScript thread only
};

// What belongs to one mount on the JavaScript side. Lives in the closures of the NativeMount object and of its end.
struct MountHandle {
  std::shared_ptr<MountSession> session = std::make_shared<MountSession>();
  std::shared_ptr<LogForwarder> forwarder;
  std::shared_ptr<JsChannel> endChannel;
  // Made together with the object that shows its promise: a Deferred's promise is a local handle of the scope it is made in.
  std::shared_ptr<Napi::Promise::Deferred> ended;
  std::optional<std::string> endReason;  // of a session that ended before that
};

// Null with an Error pending when the mount is gone.
std::shared_ptr<Session> liveSession(Napi::Env env, const MountHandle& handle) {
  auto session = handle.session->session();
  if (!session) toError(env, {Errno(ENOTCONN), "session", {}, "the mount has ended"}).ThrowAsJavaScriptException();
  return session;
}

Napi::Value statsOf(Napi::Env env, const MountHandle& handle) {
  const auto session = liveSession(env, handle);
  if (!session) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("operations", toJs(env, session->operations()));
  object.Set("overlay", toJs(env, session->overlay().stats()));
  object.Set("threads", Napi::Number::New(env, session->threads()));
  return object;
}

Napi::Value unmount(const Napi::CallbackInfo& info, const MountHandle& handle) {
  const bool lazy = info.Length() > 0 && info[0].ToBoolean().Value();
  auto session = liveSession(info.Env(), handle);
  if (!session) return info.Env().Undefined();
  // Off this thread: the umount waits for dirty pages to be written through the session. `held` is given back before
  // the promise settles, so that `ended` means that all is freed.
  return AsyncCall::start(
      info.Env(),
      [session, lazy]() mutable -> std::optional<Failure> {
        const auto held = std::move(session);
        const Status status = held->unmount(lazy);
        if (status) return std::nullopt;
        return Failure{status.error(), "umount", {}, {}};
      },
      [](Napi::Env env) { return env.Undefined(); });
}

Napi::Value makeMount(Napi::Env env, const std::shared_ptr<MountHandle>& handle) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("info", Napi::Function::New(
                         env,
                         [handle](const Napi::CallbackInfo& info) -> Napi::Value {
                           const auto session = liveSession(info.Env(), *handle);
                           return session ? toJs(info.Env(), session->info()) : info.Env().Undefined();
                         },
                         "info"));
  object.Set("stats", Napi::Function::New(
                          env, [handle](const Napi::CallbackInfo& info) { return statsOf(info.Env(), *handle); }, "stats"));
  addRecordMethods(env, object, handle->session);
  object.Set("unmount", Napi::Function::New(
                            env, [handle](const Napi::CallbackInfo& info) { return unmount(info, *handle); }, "unmount"));
  handle->ended = std::make_shared<Napi::Promise::Deferred>(env);
  if (handle->endReason) handle->ended->Resolve(Napi::String::New(env, *handle->endReason));
  object.Set("ended", handle->ended->Promise());
  return object;
}

// On the JavaScript thread, after the kernel closed the connection: joins the session's threads off this thread, then
// settles `ended` and lets the process end.
void finish(Napi::Env env, const std::shared_ptr<MountHandle>& handle, const std::string& reason) {
  AsyncCall::start(
      env,
      [handle]() -> std::optional<Failure> {
        handle->session->close();
        return std::nullopt;
      },
      [handle, reason](Napi::Env then) -> Napi::Value {
        handle->forwarder->stop(then);
        handle->endChannel->close();
        handle->endReason = reason;
        if (handle->ended) handle->ended->Resolve(Napi::String::New(then, reason));
        return then.Undefined();
      });
}

Napi::Value mount(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[1].IsFunction()) {
    Napi::TypeError::New(env, "mount(options, onLog)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::optional<MountRequest> request = toMountRequest(env, info[0]);
  if (!request) return env.Undefined();

  auto handle = std::make_shared<MountHandle>();
  env.GetInstanceData<Environment>()->add(handle->session);
  handle->forwarder = LogForwarder::start(env, info[1].As<Napi::Function>());
  handle->endChannel = JsChannel::create(env, "unionfs end", true);
  if (!handle->forwarder || !handle->endChannel) return env.Undefined();

  // The session owns the handle that owns the session: a mount lives until it ends, whether or not JavaScript still
  // holds the object. MountSession::close() breaks the ring.
  auto onEnd = [handle](std::string reason) {
    handle->endChannel->post([handle, reason = std::move(reason)](Napi::Env then) { finish(then, handle, reason); });
  };
  return AsyncCall::start(
      env, [handle, request = std::move(*request), onEnd]() { return handle->session->start(request, onEnd); },
      [handle](Napi::Env then) { return makeMount(then, handle); },
      [handle](Napi::Env then) {
        handle->forwarder->stop(then);
        handle->endChannel->close();
      });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("version", UNIONFS_VERSION);
  exports.Set("mount", Napi::Function::New(env, &mount, "mount"));
  exports.Set("openPaths", Napi::Function::New(env, &openPaths, "openPaths"));
  exports.Set("probeHost", Napi::Function::New(env, &probeHost, "probeHost"));
  exports.Set("probePath", Napi::Function::New(env, &probePath, "probePath"));
  exports.Set("unmountPath", Napi::Function::New(env, &unmountPath, "unmountPath"));
  exports.Set("layerFacts", Napi::Function::New(env, &layerFacts, "layerFacts"));
  exports.Set("walkLayer", Napi::Function::New(env, &walkLayer, "walkLayer"));
  exports.Set("compareRecords", Napi::Function::New(env, &compareRecords, "compareRecords"));
  exports.Set("compareContents", Napi::Function::New(env, &compareContents, "compareContents"));
  exports.Set("describeRecord", Napi::Function::New(env, &describeRecord, "describeRecord"));
  auto* environment = new Environment;
  env.SetInstanceData(environment);
  // Added before any thread-safe function is made, so it runs while instance data and references are still valid.
  env.AddCleanupHook([environment] { environment->closeAll(); });
  return exports;
}

}  // namespace
}  // namespace unionfs::binding

// NODE_API_MODULE wants an unqualified function.
static Napi::Object initAddon(Napi::Env env, Napi::Object exports) { return unionfs::binding::init(env, exports); }
NODE_API_MODULE(unionfs, initAddon)
