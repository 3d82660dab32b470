// path_ops.cc - one row per verb: what it takes from JavaScript, and what it asks of the tree.
//
// Every verb runs on a worker, because any of them may wait for a layer, and the JavaScript thread is the one that
// all requests of the mount come through: if it waited for a layer that is itself served by this process, nobody could
// answer. The last argument of a verb is `done(errno, value)`; errno 0 is success.
#include "binding/path_ops.h"

#include <sys/xattr.h>

#include <array>
#include <chrono>
#include <variant>

#include "base/log.h"
#include "binding/async_call.h"
#include "binding/js_channel.h"
#include "binding/log_forwarder.h"
#include "binding/path_session.h"

namespace unionfs::binding {
namespace {

using Clock = std::chrono::steady_clock;
using Value = std::variant<std::monostate, uint64_t, std::string, Attr, StatFs, std::vector<PathEntry>>;

struct Answer {
  int error = 0;
  Value value;
};

using Verb = std::function<Answer(PathTree&)>;

// What a verb was called with. A wrong type is a fault of the calling program and is thrown.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  std::string text(size_t at) { return check(at, info_[at].IsString()) ? info_[at].As<Napi::String>().Utf8Value() : std::string(); }
  bool flag(size_t at) { return check(at, info_[at].IsBoolean()) && info_[at].As<Napi::Boolean>().Value(); }
  uint32_t number(size_t at) { return check(at, info_[at].IsNumber()) ? info_[at].As<Napi::Number>().Uint32Value() : 0; }
  // A whole number up to 2^53.
  uint64_t large(size_t at) {
    if (!check(at, info_[at].IsNumber())) return 0;
    const double value = info_[at].As<Napi::Number>().DoubleValue();
    return check(at, value >= 0) ? static_cast<uint64_t>(value) : 0;
  }
  // undefined leaves a thing as it is.
  std::optional<uint32_t> optionalNumber(size_t at) {
    if (info_[at].IsUndefined()) return std::nullopt;
    return number(at);
  }
  std::optional<TimeChange> optionalTime(size_t at) {
    if (info_[at].IsUndefined() || !check(at, info_[at].IsNumber())) return std::nullopt;
    const auto milliseconds = static_cast<int64_t>(info_[at].As<Napi::Number>().DoubleValue());
    int64_t seconds = milliseconds / 1000;
    if (milliseconds % 1000 < 0) --seconds;
    return TimeChange{.now = false, .at = {.sec = seconds, .nsec = static_cast<uint32_t>((milliseconds - seconds * 1000) * 1'000'000)}};
  }
  // The buffer must stay untouched until `done` is called; it is kept from being collected.
  std::span<std::byte> bytes(size_t at) {
    if (!check(at, info_[at].IsBuffer())) return {};
    auto buffer = info_[at].As<Napi::Buffer<std::byte>>();
    kept_ = std::make_shared<Napi::ObjectReference>(Napi::Persistent(info_[at].As<Napi::Object>()));
    return {buffer.Data(), buffer.Length()};
  }
  Napi::Function done(size_t at) { return check(at, info_[at].IsFunction()) ? info_[at].As<Napi::Function>() : Napi::Function(); }

  std::shared_ptr<Napi::ObjectReference> takeKept() { return std::move(kept_); }
  // False with a TypeError pending.
  bool valid(const char* verb) {
    if (wrong_ == kNone) return true;
    Napi::TypeError::New(info_.Env(), std::string(verb) + ": argument " + std::to_string(wrong_ + 1) + " has the wrong type")
        .ThrowAsJavaScriptException();
    return false;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  bool check(size_t at, bool right) {
    if (!right && wrong_ == kNone) wrong_ = at;
    return right;
  }

  const Napi::CallbackInfo& info_;
  std::shared_ptr<Napi::ObjectReference> kept_;
  size_t wrong_ = kNone;
};

template <typename T>
Answer answerOf(Result<T> result) {
  if (!result) return {.error = result.error().value(), .value = {}};
  if constexpr (std::is_same_v<T, Ok>) {
    return {};
  } else if constexpr (std::is_integral_v<T>) {
    return {.error = 0, .value = static_cast<uint64_t>(*result)};
  } else {
    return {.error = 0, .value = std::move(result).value()};
  }
}

Answer done() { return {}; }

XattrSetMode setModeOf(uint32_t flags) {
  if ((flags & XATTR_CREATE) != 0) return XattrSetMode::create;
  return (flags & XATTR_REPLACE) != 0 ? XattrSetMode::replace : XattrSetMode::any;
}

std::string textOf(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

AttrChange modeChange(mode_t mode) {
  AttrChange change;
  change.mode = mode;
  return change;
}

AttrChange ownerChange(std::optional<uid_t> uid, std::optional<gid_t> gid) {
  AttrChange change;
  change.uid = uid;
  change.gid = gid;
  return change;
}

AttrChange sizeChange(uint64_t size) {
  AttrChange change;
  change.size = size;
  return change;
}

AttrChange timeChange(std::optional<TimeChange> atime, std::optional<TimeChange> mtime) {
  AttrChange change;
  change.atime = atime;
  change.mtime = mtime;
  return change;
}

struct Row {
  const char* name;
  size_t arguments;  // before `done`
  Verb (*prepare)(Arguments&);
};

// src/engine/contract.ts says the same in TypeScript.
// clang-format off
constexpr Row kRows[] = {
    {"getattr", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.getattr(path)); }; }},
    {"readdir", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.readdir(path)); }; }},
    {"readlink", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.readlink(path)); }; }},
    {"statfs", 0, [](Arguments&) -> Verb {
       return [](PathTree& t) { return answerOf(t.statfs()); }; }},
    {"mknod", 3, [](Arguments& a) -> Verb {
       return [path = a.text(0), mode = a.number(1), rdev = a.number(2)](PathTree& t) { return answerOf(t.mknod(path, mode, rdev)); }; }},
    {"mkdir", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), mode = a.number(1)](PathTree& t) { return answerOf(t.mkdir(path, mode)); }; }},
    {"symlink", 2, [](Arguments& a) -> Verb {
       return [target = a.text(0), path = a.text(1)](PathTree& t) { return answerOf(t.symlink(target, path)); }; }},
    {"link", 2, [](Arguments& a) -> Verb {
       return [from = a.text(0), to = a.text(1)](PathTree& t) { return answerOf(t.link(from, to)); }; }},
    {"unlink", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.unlink(path)); }; }},
    {"rmdir", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.rmdir(path)); }; }},
    {"rename", 2, [](Arguments& a) -> Verb {
       return [from = a.text(0), to = a.text(1)](PathTree& t) { return answerOf(t.rename(from, to)); }; }},
    {"chmod", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), mode = a.number(1)](PathTree& t) { return answerOf(t.setattr(path, modeChange(mode))); }; }},
    {"chown", 3, [](Arguments& a) -> Verb {
       return [path = a.text(0), uid = a.optionalNumber(1), gid = a.optionalNumber(2)](PathTree& t) {
         return answerOf(t.setattr(path, ownerChange(uid, gid))); }; }},
    {"truncate", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), size = a.large(1)](PathTree& t) { return answerOf(t.setattr(path, sizeChange(size))); }; }},
    {"utimens", 3, [](Arguments& a) -> Verb {
       return [path = a.text(0), atime = a.optionalTime(1), mtime = a.optionalTime(2)](PathTree& t) {
         return answerOf(t.setattr(path, timeChange(atime, mtime))); }; }},
    {"getxattr", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), name = a.text(1)](PathTree& t) { return answerOf(t.getxattr(path, name)); }; }},
    {"listxattr", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.listxattr(path)); }; }},
    {"setxattr", 4, [](Arguments& a) -> Verb {
       return [path = a.text(0), name = a.text(1), value = textOf(a.bytes(2)), mode = setModeOf(a.number(3))](PathTree& t) {
         return answerOf(t.setxattr(path, name, value, mode)); }; }},
    {"removexattr", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), name = a.text(1)](PathTree& t) { return answerOf(t.removexattr(path, name)); }; }},
    {"open", 1, [](Arguments& a) -> Verb {
       return [path = a.text(0)](PathTree& t) { return answerOf(t.open(path)); }; }},
    {"create", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), mode = a.number(1)](PathTree& t) { return answerOf(t.create(path, mode)); }; }},
    {"release", 1, [](Arguments& a) -> Verb {
       return [handle = a.number(0)](PathTree& t) { t.release(handle); return done(); }; }},
    {"read", 3, [](Arguments& a) -> Verb {
       return [handle = a.number(0), into = a.bytes(1), offset = a.large(2)](PathTree& t) { return answerOf(t.read(handle, into, offset)); }; }},
    {"write", 3, [](Arguments& a) -> Verb {
       return [handle = a.number(0), from = a.bytes(1), offset = a.large(2)](PathTree& t) { return answerOf(t.write(handle, from, offset)); }; }},
    {"ftruncate", 2, [](Arguments& a) -> Verb {
       return [handle = a.number(0), size = a.large(1)](PathTree& t) { return answerOf(t.truncate(handle, size)); }; }},
    {"fsync", 2, [](Arguments& a) -> Verb {
       return [handle = a.number(0), dataOnly = a.flag(1)](PathTree& t) { return answerOf(t.fsync(handle, dataOnly)); }; }},
    {"fsyncdir", 2, [](Arguments& a) -> Verb {
       return [path = a.text(0), dataOnly = a.flag(1)](PathTree& t) { return answerOf(t.fsyncdir(path, dataOnly)); }; }},
};
// clang-format on
constexpr size_t kRowCount = std::size(kRows);

// --- values for JavaScript

Napi::Value number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

double milliseconds(const Time& time) { return static_cast<double>(time.sec) * 1000.0 + static_cast<double>(time.nsec / 1'000'000); }

Napi::Value toJs(Napi::Env env, const Attr& attr) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("mode", number(env, attr.mode));
  object.Set("uid", number(env, attr.uid));
  object.Set("gid", number(env, attr.gid));
  object.Set("size", number(env, attr.size));
  object.Set("blocks", number(env, attr.blocks));
  object.Set("blksize", number(env, attr.blksize));
  object.Set("nlink", number(env, attr.nlink));
  object.Set("ino", Napi::BigInt::New(env, attr.ino));
  object.Set("rdev", number(env, attr.rdev));
  object.Set("atimeMs", Napi::Number::New(env, milliseconds(attr.atime)));
  object.Set("mtimeMs", Napi::Number::New(env, milliseconds(attr.mtime)));
  object.Set("ctimeMs", Napi::Number::New(env, milliseconds(attr.ctime)));
  return object;
}

Napi::Value toJs(Napi::Env env, const StatFs& stat) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("blocks", number(env, stat.blocks));
  object.Set("bfree", number(env, stat.bfree));
  object.Set("bavail", number(env, stat.bavail));
  object.Set("files", number(env, stat.files));
  object.Set("ffree", number(env, stat.ffree));
  object.Set("bsize", number(env, stat.bsize));
  object.Set("frsize", number(env, stat.frsize));
  object.Set("namelen", number(env, stat.namelen));
  return object;
}

Napi::Value toJs(Napi::Env env, const std::vector<PathEntry>& entries) {
  Napi::Array array = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", entries[i].name);
    object.Set("ino", Napi::BigInt::New(env, entries[i].ino));
    object.Set("type", number(env, entries[i].type));
    array.Set(i, object);
  }
  return array;
}

Napi::Value toJs(Napi::Env env, const Value& value) {
  if (const auto* count = std::get_if<uint64_t>(&value)) return number(env, *count);
  if (const auto* text = std::get_if<std::string>(&value)) return Napi::Buffer<char>::Copy(env, text->data(), text->size());
  if (const auto* attr = std::get_if<Attr>(&value)) return toJs(env, *attr);
  if (const auto* stat = std::get_if<StatFs>(&value)) return toJs(env, *stat);
  if (const auto* entries = std::get_if<std::vector<PathEntry>>(&value)) return toJs(env, *entries);
  return env.Undefined();
}

// --- the object

struct PathHandle {
  std::shared_ptr<PathSession> session = std::make_shared<PathSession>();
  std::shared_ptr<LogForwarder> forwarder;
  std::shared_ptr<JsChannel> channel;  // carries answers
  std::array<LatencyHistogram, kRowCount> histograms;
};

// One call on its way: what JavaScript gave, and what goes back to it. Dies on the JavaScript thread.
struct Call {
  Napi::FunctionReference done;
  std::shared_ptr<Napi::ObjectReference> kept;
  Answer answer;
};

void run(PathHandle& handle, size_t row, const Verb& verb, Call& call, PathTree& tree) {
  const auto begin = Clock::now();
  call.answer = verb(tree);
  if (call.answer.error == EIO) log::write(log::Level::warn, "operation failed", {{"op", kRows[row].name}, {"errno", EIO}});
  const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin);
  handle.histograms[row].record(static_cast<uint64_t>(spent.count()), call.answer.error != 0);
}

Napi::Value callVerb(const Napi::CallbackInfo& info, const std::shared_ptr<PathHandle>& handle, size_t row) {
  const Napi::Env env = info.Env();
  Arguments arguments(info);
  Verb verb = kRows[row].prepare(arguments);
  const Napi::Function done = arguments.done(kRows[row].arguments);
  if (!arguments.valid(kRows[row].name)) return env.Undefined();
  // Owned by hand: a task that JavaScript's end drops must not free references on another thread.
  auto* call = new Call{.done = Napi::Persistent(done), .kept = arguments.takeKept(), .answer = {}};
  const auto work = [handle, row, verb = std::move(verb), call](PathTree& tree) {
    run(*handle, row, verb, *call, tree);
    handle->channel->post([call](Napi::Env then) {
      const std::unique_ptr<Call> owned(call);
      owned->done.Call({Napi::Number::New(then, owned->answer.error), toJs(then, owned->answer.value)});
    });
  };
  if (!handle->session->post(work)) {
    const std::unique_ptr<Call> owned(call);
    done.Call({Napi::Number::New(env, ENOTCONN)});
  }
  return env.Undefined();
}

Napi::Value stats(Napi::Env env, const PathHandle& handle) {
  std::map<std::string, OperationStats> operations;
  for (size_t row = 0; row < kRowCount; ++row) {
    if (handle.histograms[row].count() == 0) continue;
    const LatencySummary summary = handle.histograms[row].summary();
    operations.emplace(kRows[row].name, OperationStats{.count = summary.count,
                                                       .errors = summary.errors,
                                                       .p50 = summary.p50,
                                                       .p90 = summary.p90,
                                                       .p99 = summary.p99,
                                                       .max = summary.max,
                                                       .total = summary.total});
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("operations", binding::toJs(env, operations));
  object.Set("overlay", binding::toJs(env, handle.session->stats()));
  object.Set("threads", Napi::Number::New(env, handle.session->threads()));
  return object;
}

Napi::Value watch(const Napi::CallbackInfo& info, const std::shared_ptr<PathHandle>& handle) {
  Arguments arguments(info);
  const uint32_t device = arguments.number(0);
  const uint64_t connection = arguments.large(1);
  if (!arguments.valid("watch")) return info.Env().Undefined();
  auto ended = std::make_shared<Napi::Promise::Deferred>(info.Env());
  const Napi::Promise promise = ended->Promise();
  const Status watching = handle->session->watch(static_cast<int>(device), connection, [handle, ended] {
    handle->channel->post([ended](Napi::Env then) { ended->Resolve(then.Undefined()); });
  });
  if (!watching) ended->Reject(toError(info.Env(), {watching.error(), "watch", {}, "the mount cannot be watched"}).Value());
  return promise;
}

Napi::Value close(const Napi::CallbackInfo& info, const std::shared_ptr<PathHandle>& handle) {
  return AsyncCall::start(
      info.Env(),
      [handle]() -> std::optional<Failure> {
        handle->session->close();
        return std::nullopt;
      },
      [handle](Napi::Env env) -> Napi::Value {
        handle->forwarder->stop(env);
        handle->channel->close();
        return env.Undefined();
      });
}

Napi::Value makePaths(Napi::Env env, const std::shared_ptr<PathHandle>& handle) {
  Napi::Object object = Napi::Object::New(env);
  for (size_t row = 0; row < kRowCount; ++row) {
    object.Set(kRows[row].name,
               Napi::Function::New(
                   env, [handle, row](const Napi::CallbackInfo& info) { return callVerb(info, handle, row); }, kRows[row].name));
  }
  object.Set("stats", Napi::Function::New(
                          env, [handle](const Napi::CallbackInfo& info) { return stats(info.Env(), *handle); }, "stats"));
  object.Set("watch", Napi::Function::New(
                          env, [handle](const Napi::CallbackInfo& info) { return watch(info, handle); }, "watch"));
  object.Set("close", Napi::Function::New(
                          env, [handle](const Napi::CallbackInfo& info) { return close(info, handle); }, "close"));
  return object;
}

}  // namespace

Napi::Value openPaths(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[1].IsFunction()) {
    Napi::TypeError::New(env, "openPaths(options, onLog)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::optional<MountRequest> request = toMountRequest(env, info[0]);
  if (!request) return env.Undefined();
  auto handle = std::make_shared<PathHandle>();
  handle->forwarder = LogForwarder::start(env, info[1].As<Napi::Function>());
  handle->channel = JsChannel::create(env, "unionfs paths", true);
  if (!handle->forwarder || !handle->channel) return env.Undefined();
  // The threads must be gone before the environment frees what they answer through.
  env.AddCleanupHook([weak = std::weak_ptr<PathSession>(handle->session)]() {
    if (const auto session = weak.lock()) session->close();
  });
  return AsyncCall::start(
      env, [handle, request = std::move(*request)]() { return handle->session->open(request); },
      [handle](Napi::Env then) { return makePaths(then, handle); },
      [handle](Napi::Env then) {
        handle->session->close();
        handle->forwarder->stop(then);
        handle->channel->close();
      });
}

}  // namespace unionfs::binding
