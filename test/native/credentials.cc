// credentials.cc - lets the calling thread, and only it, act as another user.
//
// The raw system calls are per thread (glibc's wrappers would change every thread). Real and effective ids change, the
// saved id stays 0: the kernel clears the effective capabilities on the way out and gives them back on return, so
// permission checks in between are those of an ordinary process, access(2) included.
#include <grp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "support.h"

namespace posixtest {
namespace {

std::vector<gid_t> groupList(const Value& value) {
  std::vector<gid_t> groups;
  if (!value.IsArray()) return groups;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Value item = array[i];
    groups.push_back(item.As<Napi::Number>().Uint32Value());
  }
  return groups;
}

// assume(uid, gid, groups): undone by resume().
Value assume(const Info& info) {
  const std::vector<gid_t> groups = groupList(info[2]);
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) < 0) return fail(info.Env(), errno, "setgroups");
  const uint32_t gid = uintArg(info, 1);
  if (::syscall(SYS_setresgid, gid, gid, 0) < 0) return fail(info.Env(), errno, "setresgid");
  const uint32_t uid = uintArg(info, 0);
  return number(info.Env(), ::syscall(SYS_setresuid, uid, uid, 0), "setresuid");
}

Value resume(const Info& info) {
  if (::syscall(SYS_setresuid, 0, 0, 0) < 0) return fail(info.Env(), errno, "setresuid");
  if (::syscall(SYS_setresgid, 0, 0, 0) < 0) return fail(info.Env(), errno, "setresgid");
  return number(info.Env(), ::syscall(SYS_setgroups, 0, nullptr), "setgroups");
}

}  // namespace

void exposeCredentials(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "assume", assume);
  expose(env, exports, "resume", resume);
}

}  // namespace posixtest
