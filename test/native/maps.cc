// maps.cc - memory maps by address. The caller keeps accesses inside the file: a fault past its end kills the process.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "support.h"

namespace posixtest {
namespace {

char* address(const Info& info, size_t index) { return reinterpret_cast<char*>(integer(info, index)); }

Value mmapCall(const Info& info) {
  void* at = ::mmap(nullptr, static_cast<size_t>(integer(info, 1)), intArg(info, 2), intArg(info, 3), intArg(info, 0),
                    integer(info, 4));
  if (at == MAP_FAILED) return fail(info.Env(), errno, "mmap");
  return Napi::BigInt::New(info.Env(), reinterpret_cast<int64_t>(at));
}

Value munmapCall(const Info& info) {
  return number(info.Env(), ::munmap(address(info, 0), static_cast<size_t>(integer(info, 1))), "munmap");
}

Value msyncCall(const Info& info) {
  return number(info.Env(), ::msync(address(info, 0), static_cast<size_t>(integer(info, 1)), intArg(info, 2)), "msync");
}

Value mapRead(const Info& info) {
  return Napi::Buffer<char>::Copy(info.Env(), address(info, 0) + integer(info, 1),
                                  static_cast<size_t>(integer(info, 2)));
}

Value mapWrite(const Info& info) {
  const std::string data = bytes(info, 2);
  std::memcpy(address(info, 0) + integer(info, 1), data.data(), data.size());
  return info.Env().Undefined();
}

}  // namespace

void exposeMaps(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "mmap", mmapCall);
  expose(env, exports, "munmap", munmapCall);
  expose(env, exports, "msync", msyncCall);
  expose(env, exports, "mapRead", mapRead);
  expose(env, exports, "mapWrite", mapWrite);
}

}  // namespace posixtest
