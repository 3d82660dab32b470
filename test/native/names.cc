// names.cc - calls on names and attributes: rename flags, links, nodes, modes, owners, times, statx, statfs.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "support.h"

namespace posixtest {
namespace {

Value renameCall(const Info& info) {
  const std::string from = bytes(info, 0);
  const std::string to = bytes(info, 1);
  return number(info.Env(), ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), uintArg(info, 2)), "renameat2");
}

Value linkatCall(const Info& info) {
  const std::string from = bytes(info, 1);
  const std::string to = bytes(info, 3);
  const int rc = ::linkat(intArg(info, 0), from.c_str(), intArg(info, 2), to.c_str(), intArg(info, 4));
  return number(info.Env(), rc, "linkat");
}

Value mknodCall(const Info& info) {
  const std::string path = bytes(info, 0);
  const dev_t device = makedev(uintArg(info, 2), uintArg(info, 3));
  return number(info.Env(), ::mknod(path.c_str(), uintArg(info, 1), device), "mknod");
}

Value symlinkCall(const Info& info) {
  const std::string target = bytes(info, 0);
  const std::string path = bytes(info, 1);
  return number(info.Env(), ::symlink(target.c_str(), path.c_str()), "symlink");
}

Value mkdirCall(const Info& info) {
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::mkdir(path.c_str(), uintArg(info, 1, 0777)), "mkdir");
}

Value unlinkatCall(const Info& info) {
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::unlinkat(AT_FDCWD, path.c_str(), intArg(info, 1)), "unlinkat");
}

Value faccessatCall(const Info& info) {
  const std::string path = bytes(info, 0);
  const long rc = ::syscall(SYS_faccessat2, AT_FDCWD, path.c_str(), intArg(info, 1), intArg(info, 2));
  return number(info.Env(), rc, "faccessat2");
}

Value chmodCall(const Info& info) {
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::fchmodat(AT_FDCWD, path.c_str(), uintArg(info, 1), 0), "fchmodat");
}

Value fchmodCall(const Info& info) {
  return number(info.Env(), ::fchmod(intArg(info, 0), uintArg(info, 1)), "fchmod");
}

Value chownCall(const Info& info) {
  const std::string path = bytes(info, 0);
  const int rc = ::fchownat(AT_FDCWD, path.c_str(), uintArg(info, 1), uintArg(info, 2), intArg(info, 3));
  return number(info.Env(), rc, "fchownat");
}

timespec timeArg(const Info& info, size_t index) {
  constexpr int64_t kSecond = 1000000000;
  const int64_t nanoseconds = integer(info, index);
  // The two special values travel as the impossible negative numbers -1 (now) and -2 (leave alone).
  if (nanoseconds == -1) return {0, UTIME_NOW};
  if (nanoseconds == -2) return {0, UTIME_OMIT};
  return {nanoseconds / kSecond, nanoseconds % kSecond};
}

Value utimensCall(const Info& info) {
  const timespec times[2] = {timeArg(info, 1), timeArg(info, 2)};
  if (!isPath(info, 0)) return number(info.Env(), ::futimens(intArg(info, 0), times), "futimens");
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::utimensat(AT_FDCWD, path.c_str(), times, intArg(info, 3)), "utimensat");
}

template <typename Time>
Value nanoseconds(Napi::Env env, const Time& time) {
  return Napi::BigInt::New(env, static_cast<int64_t>(time.tv_sec) * 1000000000 + static_cast<int64_t>(time.tv_nsec));
}

void setWide(Napi::Object& object, const char* name, uint64_t value) {
  object.Set(name, Napi::BigInt::New(object.Env(), value));
}

// statx of a path (string or Buffer) or of a descriptor (number).
Value statxCall(const Info& info) {
  const bool path = isPath(info, 0);
  const std::string name = bytes(info, 0);
  const int flags = intArg(info, 1) | (path ? 0 : AT_EMPTY_PATH);
  struct statx st = {};
  const int rc = ::statx(path ? AT_FDCWD : intArg(info, 0), name.c_str(), flags, uintArg(info, 2, STATX_ALL), &st);
  if (rc < 0) return fail(info.Env(), errno, "statx");
  Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  out.Set("mask", Napi::Number::New(env, st.stx_mask));
  out.Set("blksize", Napi::Number::New(env, st.stx_blksize));
  out.Set("nlink", Napi::Number::New(env, st.stx_nlink));
  out.Set("uid", Napi::Number::New(env, st.stx_uid));
  out.Set("gid", Napi::Number::New(env, st.stx_gid));
  out.Set("mode", Napi::Number::New(env, st.stx_mode));
  setWide(out, "ino", st.stx_ino);
  setWide(out, "size", st.stx_size);
  setWide(out, "blocks", st.stx_blocks);
  setWide(out, "attributes", st.stx_attributes);
  setWide(out, "mountId", st.stx_mnt_id);
  setWide(out, "dev", makedev(st.stx_dev_major, st.stx_dev_minor));
  setWide(out, "rdev", makedev(st.stx_rdev_major, st.stx_rdev_minor));
  out.Set("rdevMajor", Napi::Number::New(env, st.stx_rdev_major));
  out.Set("rdevMinor", Napi::Number::New(env, st.stx_rdev_minor));
  out.Set("atime", nanoseconds(env, st.stx_atime));
  out.Set("mtime", nanoseconds(env, st.stx_mtime));
  out.Set("ctime", nanoseconds(env, st.stx_ctime));
  out.Set("btime", nanoseconds(env, st.stx_btime));
  return out;
}

Value statfsCall(const Info& info) {
  struct statfs st = {};
  const std::string path = bytes(info, 0);
  const int rc = isPath(info, 0) ? ::statfs(path.c_str(), &st) : ::fstatfs(intArg(info, 0), &st);
  if (rc < 0) return fail(info.Env(), errno, "statfs");
  Napi::Object out = Napi::Object::New(info.Env());
  setWide(out, "type", static_cast<uint64_t>(st.f_type));
  setWide(out, "bsize", static_cast<uint64_t>(st.f_bsize));
  setWide(out, "blocks", st.f_blocks);
  setWide(out, "bfree", st.f_bfree);
  setWide(out, "bavail", st.f_bavail);
  setWide(out, "files", st.f_files);
  setWide(out, "ffree", st.f_ffree);
  setWide(out, "namelen", static_cast<uint64_t>(st.f_namelen));
  setWide(out, "flags", static_cast<uint64_t>(st.f_flags));
  return out;
}

}  // namespace

void exposeNames(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "rename", renameCall);
  expose(env, exports, "linkat", linkatCall);
  expose(env, exports, "mknod", mknodCall);
  expose(env, exports, "symlink", symlinkCall);
  expose(env, exports, "mkdir", mkdirCall);
  expose(env, exports, "unlinkat", unlinkatCall);
  expose(env, exports, "faccessat", faccessatCall);
  expose(env, exports, "chmod", chmodCall);
  expose(env, exports, "fchmod", fchmodCall);
  expose(env, exports, "chown", chownCall);
  expose(env, exports, "utimens", utimensCall);
  expose(env, exports, "statx", statxCall);
  expose(env, exports, "statfs", statfsCall);
}

}  // namespace posixtest
