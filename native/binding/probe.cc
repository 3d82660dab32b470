// probe.cc - see probe.h.
#include "binding/probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "binding/async_call.h"
#include "binding/convert.h"
#include "binding/host_probe.h"
#include "sys/creds.h"
#include "sys/handle.h"
#include "sys/mounting.h"
#include "sys/open.h"
#include "sys/stat.h"
#include "sys/tree.h"
#include "sys/xattr.h"

namespace unionfs::binding {
namespace {

// A POSIX ACL that says no more than mode 0640: version 2, then owner, group and others.
constexpr std::string_view kMinimalAcl{
    "\x02\0\0\0"
    "\x01\0\x06\0\xff\xff\xff\xff"
    "\x04\0\x04\0\xff\xff\xff\xff"
    "\x20\0\0\0\xff\xff\xff\xff",
    28};

// null where it works, else the errno's name: the shape of every answer of a path probe.
Napi::Value outcome(Napi::Env env, Errno error) { return error == 0 ? env.Null() : Napi::Value(Napi::String::New(env, errnoName(error))); }

template <typename T>
Errno errorOf(const Result<T>& result) {
  return result ? Errno(0) : result.error();
}

// Fails with a TypeError pending and an empty string.
std::string pathArgument(const Napi::CallbackInfo& info) {
  if (info.Length() > 0 && info[0].IsString()) return info[0].As<Napi::String>().Utf8Value();
  Napi::TypeError::New(info.Env(), "a path is needed").ThrowAsJavaScriptException();
  return {};
}

Errno tryReflink(At from, At to) {
  const auto source = sys::open(from, O_RDONLY);
  if (!source) return source.error();
  const auto target = sys::createExclusive(to, O_WRONLY, 0600);
  if (!target) return target.error();
  return ::ioctl(target->get(), FICLONE, source->get()) == 0 ? Errno(0) : Errno::last();
}

// Everything that needs to write; `dir` is an empty scratch directory.
void probeWriting(Napi::Env env, int dir, Napi::Object& into) {
  const At file{dir, "file"};
  const auto created = sys::createExclusive(file, O_WRONLY, 0640);
  into.Set("create", outcome(env, errorOf(created)));
  if (!created) return;
  // FICLONE of an empty file succeeds anywhere a filesystem has it.
  into.Set("xattrUser", outcome(env, errorOf(sys::setXattr(file, "user.unionfs.probe", "y"))));
  into.Set("xattrTrusted", outcome(env, errorOf(sys::setXattr(file, "trusted.unionfs.probe", "y"))));
  into.Set("acl", outcome(env, errorOf(sys::setXattr(file, "system.posix_acl_access", kMinimalAcl))));
  into.Set("reflink", outcome(env, tryReflink(file, {dir, "clone"})));
  into.Set("tmpfile", outcome(env, errorOf(sys::openTemporary(dir, O_RDWR, 0600))));
  into.Set("whiteoutDevice", outcome(env, errorOf(sys::mknod({dir, "whiteout"}, S_IFCHR, 0))));
  into.Set("whiteoutFile", outcome(env, errorOf(sys::createExclusive({dir, ".wh.name"}, O_WRONLY, 0600))));
  into.Set("symlink", outcome(env, errorOf(sys::symlink("target", {dir, "symlink"}))));
  into.Set("hardlink", outcome(env, errorOf(sys::link(file, {dir, "hardlink"}))));
  into.Set("renameWhiteout", outcome(env, errorOf(sys::rename(file, {dir, "renamed"}, RENAME_WHITEOUT))));
  into.Set("renameExchange", outcome(env, errorOf(sys::rename({dir, "clone"}, {dir, "symlink"}, RENAME_EXCHANGE))));
}

void probeReading(Napi::Env env, int dir, Napi::Object& into) {
  const At self{dir, ""};
  into.Set("fileHandles", outcome(env, errorOf(sys::fileHandle(self))));
  const auto stat = sys::stat(self);
  into.Set("birthTime", outcome(env, stat && stat->btime ? Errno(0) : Errno(stat ? EOPNOTSUPP : stat.error().value())));
  if (const auto fs = sys::statFs(dir)) {
    into.Set("fsMagic", Napi::Number::New(env, static_cast<double>(fs->type)));
    into.Set("bytesFree", Napi::Number::New(env, static_cast<double>(fs->bavail) * fs->frsize));
    into.Set("filesFree", Napi::Number::New(env, static_cast<double>(fs->ffree)));
  }
}

}  // namespace

Napi::Value probeHost(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const HostFacts facts = probeHostFacts();
  const auto tried = [env](int32_t error) {
    return error < 0 ? Napi::Value(Napi::String::New(env, "untried")) : outcome(env, Errno(error));
  };
  Napi::Object object = Napi::Object::New(env);
  object.Set("device", tried(facts.deviceError));
  object.Set("userNamespace", tried(facts.userNamespaceError));
  object.Set("privateMount", tried(facts.mountError));
  object.Set("passthrough", tried(facts.passthroughError));
  object.Set("protocolMajor", Napi::Number::New(env, facts.protocolMajor));
  object.Set("protocolMinor", Napi::Number::New(env, facts.protocolMinor));
  object.Set("features", Napi::BigInt::New(env, facts.features));
  object.Set("initialAdmin", sys::inInitialUserNamespace() && sys::hasCapability(CAP_SYS_ADMIN));
  object.Set("admin", sys::hasCapability(CAP_SYS_ADMIN));
  object.Set("initialUserNamespace", sys::inInitialUserNamespace());
  return object;
}

Napi::Value probePath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = pathArgument(info);
  if (env.IsExceptionPending()) return env.Undefined();
  const auto dir = sys::openPath(path, O_RDONLY | O_DIRECTORY);
  if (!dir) {
    toError(env, {dir.error(), "open", path, {}}).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object object = Napi::Object::New(env);
  probeReading(env, dir->get(), object);

  static std::atomic<unsigned> counter{0};
  const std::string scratch = ".unionfs-probe-" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
  const At at{dir->get(), scratch.c_str()};
  Errno writable = errorOf(sys::mkdir(at, 0700));
  if (writable == 0) {
    const auto opened = sys::open(at, O_RDONLY | O_DIRECTORY);
    writable = errorOf(opened);
    if (opened) probeWriting(env, opened->get(), object);
    const Status removed = sys::removeAll(at);
    if (!removed) object.Set("leftBehind", path + "/" + scratch);
  }
  object.Set("writable", outcome(env, writable));
  return object;
}

Napi::Value unmountPath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = pathArgument(info);
  if (env.IsExceptionPending()) return env.Undefined();
  const bool lazy = info.Length() > 1 && info[1].ToBoolean().Value();
  return AsyncCall::start(
      env,
      [path, lazy]() -> std::optional<Failure> {
        const Status direct = sys::unmount(path, lazy);
        if (direct) return std::nullopt;
        if (!direct.failsWith(EPERM)) return Failure{direct.error(), "umount2", path, {}};
        sys::HelperFailure failure;
        const Status helped = sys::unmountThroughHelper(path, lazy, failure);
        if (helped) return std::nullopt;
        return Failure{helped.error(), "fusermount3", path, failure.detail};
      },
      [](Napi::Env then) { return then.Undefined(); });
}

}  // namespace unionfs::binding
