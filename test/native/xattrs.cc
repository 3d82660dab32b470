// xattrs.cc - extended attributes of a path (never following a final symlink unless asked) or a descriptor.
#include <sys/xattr.h>

#include <cerrno>
#include <vector>

#include "support.h"

namespace posixtest {
namespace {

ssize_t getRaw(const Info& info, const std::string& name, void* value, size_t size) {
  if (!isPath(info, 0)) return ::fgetxattr(intArg(info, 0), name.c_str(), value, size);
  const std::string path = bytes(info, 0);
  return info[2].ToBoolean() ? ::getxattr(path.c_str(), name.c_str(), value, size)
                             : ::lgetxattr(path.c_str(), name.c_str(), value, size);
}

ssize_t listRaw(const Info& info, char* list, size_t size) {
  if (!isPath(info, 0)) return ::flistxattr(intArg(info, 0), list, size);
  const std::string path = bytes(info, 0);
  return info[1].ToBoolean() ? ::listxattr(path.c_str(), list, size) : ::llistxattr(path.c_str(), list, size);
}

// The fourth argument fixes the buffer size, so that ERANGE and the size query (0) can be tested.
Value getCall(const Info& info) {
  const std::string name = bytes(info, 1);
  if (info.Length() > 3 && info[3].IsNumber()) {
    std::vector<char> fixed(static_cast<size_t>(integer(info, 3)));
    return number(info.Env(), getRaw(info, name, fixed.data(), fixed.size()), "getxattr");
  }
  std::vector<char> value(65536);
  const ssize_t got = getRaw(info, name, value.data(), value.size());
  if (got < 0) return fail(info.Env(), errno, "getxattr");
  return Napi::Buffer<char>::Copy(info.Env(), value.data(), static_cast<size_t>(got));
}

Value listCall(const Info& info) {
  std::vector<char> list(65536);
  const ssize_t got = listRaw(info, list.data(), list.size());
  if (got < 0) return fail(info.Env(), errno, "listxattr");
  return Napi::Buffer<char>::Copy(info.Env(), list.data(), static_cast<size_t>(got));
}

Value listSize(const Info& info) {
  std::vector<char> list(static_cast<size_t>(integer(info, 2)));
  return number(info.Env(), listRaw(info, list.data(), list.size()), "listxattr");
}

Value setCall(const Info& info) {
  const std::string name = bytes(info, 1);
  const std::string value = bytes(info, 2);
  const int flags = intArg(info, 3);
  if (!isPath(info, 0)) {
    const int rc = ::fsetxattr(intArg(info, 0), name.c_str(), value.data(), value.size(), flags);
    return number(info.Env(), rc, "fsetxattr");
  }
  const std::string path = bytes(info, 0);
  const int rc = ::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags);
  return number(info.Env(), rc, "lsetxattr");
}

Value removeCall(const Info& info) {
  const std::string name = bytes(info, 1);
  if (!isPath(info, 0)) return number(info.Env(), ::fremovexattr(intArg(info, 0), name.c_str()), "fremovexattr");
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::lremovexattr(path.c_str(), name.c_str()), "lremovexattr");
}

}  // namespace

void exposeXattrs(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "getxattr", getCall);
  expose(env, exports, "listxattr", listCall);
  expose(env, exports, "listxattrSize", listSize);
  expose(env, exports, "setxattr", setCall);
  expose(env, exports, "removexattr", removeCall);
}

}  // namespace posixtest
