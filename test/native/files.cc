// files.cc - calls on open descriptors: open, positioned I/O, allocation, seeking, syncing, directory reading.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "support.h"

namespace posixtest {
namespace {

Value openCall(const Info& info) {
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::open(path.c_str(), intArg(info, 1), uintArg(info, 2, 0666)), "open");
}

Value openatCall(const Info& info) {
  const std::string path = bytes(info, 1);
  const int fd = ::openat(intArg(info, 0), path.c_str(), intArg(info, 2), uintArg(info, 3, 0666));
  return number(info.Env(), fd, "openat");
}

Value closeCall(const Info& info) { return number(info.Env(), ::close(intArg(info, 0)), "close"); }

Value readInto(const Info& info, bool positioned) {
  std::vector<char> data(static_cast<size_t>(integer(info, 1)));
  const ssize_t got = positioned ? ::pread(intArg(info, 0), data.data(), data.size(), integer(info, 2))
                                 : ::read(intArg(info, 0), data.data(), data.size());
  if (got < 0) return fail(info.Env(), errno, positioned ? "pread" : "read");
  return Napi::Buffer<char>::Copy(info.Env(), data.data(), static_cast<size_t>(got));
}

Value preadCall(const Info& info) { return readInto(info, true); }
Value readCall(const Info& info) { return readInto(info, false); }

Value pwriteCall(const Info& info) {
  const std::string data = bytes(info, 1);
  return number(info.Env(), ::pwrite(intArg(info, 0), data.data(), data.size(), integer(info, 2)), "pwrite");
}

Value writeCall(const Info& info) {
  const std::string data = bytes(info, 1);
  return number(info.Env(), ::write(intArg(info, 0), data.data(), data.size()), "write");
}

// O_DIRECT wants page-aligned memory, offset and length.
Value directRead(const Info& info) {
  constexpr size_t kAlign = 4096;
  const auto size = static_cast<size_t>(integer(info, 1));
  void* memory = nullptr;
  const int err = ::posix_memalign(&memory, kAlign, size);
  if (err != 0) return fail(info.Env(), err, "posix_memalign");
  const ssize_t got = ::pread(intArg(info, 0), memory, size, integer(info, 2));
  const int readError = errno;
  Value result = got < 0 ? fail(info.Env(), readError, "pread")
                         : Value(Napi::Buffer<char>::Copy(info.Env(), static_cast<char*>(memory), static_cast<size_t>(got)));
  ::free(memory);
  return result;
}

Value directWrite(const Info& info) {
  constexpr size_t kAlign = 4096;
  const std::string data = bytes(info, 1);
  void* memory = nullptr;
  const int err = ::posix_memalign(&memory, kAlign, data.size());
  if (err != 0) return fail(info.Env(), err, "posix_memalign");
  std::memcpy(memory, data.data(), data.size());
  const ssize_t put = ::pwrite(intArg(info, 0), memory, data.size(), integer(info, 2));
  const int writeError = errno;
  ::free(memory);
  errno = writeError;
  return number(info.Env(), put, "pwrite");
}

Value fallocateCall(const Info& info) {
  const int rc = ::fallocate(intArg(info, 0), intArg(info, 1), integer(info, 2), integer(info, 3));
  return number(info.Env(), rc, "fallocate");
}

Value lseekCall(const Info& info) {
  return number(info.Env(), ::lseek(intArg(info, 0), integer(info, 1), intArg(info, 2)), "lseek");
}

// Directory offsets are opaque 63-bit cookies, so they stay bigints.
Value seekdirCall(const Info& info) {
  const off_t at = ::lseek(intArg(info, 0), integer(info, 1), SEEK_SET);
  if (at < 0) return fail(info.Env(), errno, "lseek");
  return Napi::BigInt::New(info.Env(), static_cast<int64_t>(at));
}

Value copyFileRangeCall(const Info& info) {
  off_t in = integer(info, 1, -1);
  off_t out = integer(info, 3, -1);
  const ssize_t rc = ::copy_file_range(intArg(info, 0), in < 0 ? nullptr : &in, intArg(info, 2),
                                       out < 0 ? nullptr : &out, static_cast<size_t>(integer(info, 4)), 0);
  return number(info.Env(), rc, "copy_file_range");
}

Value sendfileCall(const Info& info) {
  off_t at = integer(info, 2);
  const ssize_t rc = ::sendfile(intArg(info, 0), intArg(info, 1), &at, static_cast<size_t>(integer(info, 3)));
  return number(info.Env(), rc, "sendfile");
}

Value fsyncCall(const Info& info) { return number(info.Env(), ::fsync(intArg(info, 0)), "fsync"); }
Value fdatasyncCall(const Info& info) { return number(info.Env(), ::fdatasync(intArg(info, 0)), "fdatasync"); }
Value syncfsCall(const Info& info) { return number(info.Env(), ::syncfs(intArg(info, 0)), "syncfs"); }

Value ftruncateCall(const Info& info) {
  return number(info.Env(), ::ftruncate(intArg(info, 0), integer(info, 1)), "ftruncate");
}

Value truncateCall(const Info& info) {
  const std::string path = bytes(info, 0);
  return number(info.Env(), ::truncate(path.c_str(), integer(info, 1)), "truncate");
}

Value getFlags(const Info& info) {
  unsigned int flags = 0;
  if (::ioctl(intArg(info, 0), FS_IOC_GETFLAGS, &flags) < 0) return fail(info.Env(), errno, "ioctl");
  return Napi::Number::New(info.Env(), flags);
}

Value setFlags(const Info& info) {
  unsigned int flags = uintArg(info, 1);
  return number(info.Env(), ::ioctl(intArg(info, 0), FS_IOC_SETFLAGS, &flags), "ioctl");
}

// One getdents64 call: [] at the end of the directory.
Value getdentsCall(const Info& info) {
  std::vector<char> block(static_cast<size_t>(integer(info, 1, 32768)));
  const ssize_t got = ::getdents64(intArg(info, 0), block.data(), block.size());
  if (got < 0) return fail(info.Env(), errno, "getdents64");
  Napi::Array entries = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (size_t at = 0; at < static_cast<size_t>(got);) {
    const auto* entry = reinterpret_cast<const dirent64*>(block.data() + at);
    Napi::Object item = Napi::Object::New(info.Env());
    item.Set("name", Napi::Buffer<char>::Copy(info.Env(), entry->d_name, std::strlen(entry->d_name)));
    item.Set("ino", Napi::BigInt::New(info.Env(), static_cast<uint64_t>(entry->d_ino)));
    item.Set("off", Napi::BigInt::New(info.Env(), static_cast<int64_t>(entry->d_off)));
    item.Set("type", Napi::Number::New(info.Env(), entry->d_type));
    entries.Set(count++, item);
    at += entry->d_reclen;
  }
  return entries;
}

}  // namespace

void exposeFiles(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "open", openCall);
  expose(env, exports, "openat", openatCall);
  expose(env, exports, "close", closeCall);
  expose(env, exports, "pread", preadCall);
  expose(env, exports, "read", readCall);
  expose(env, exports, "pwrite", pwriteCall);
  expose(env, exports, "write", writeCall);
  expose(env, exports, "directRead", directRead);
  expose(env, exports, "directWrite", directWrite);
  expose(env, exports, "fallocate", fallocateCall);
  expose(env, exports, "lseek", lseekCall);
  expose(env, exports, "seekdir", seekdirCall);
  expose(env, exports, "copyFileRange", copyFileRangeCall);
  expose(env, exports, "sendfile", sendfileCall);
  expose(env, exports, "fsync", fsyncCall);
  expose(env, exports, "fdatasync", fdatasyncCall);
  expose(env, exports, "syncfs", syncfsCall);
  expose(env, exports, "ftruncate", ftruncateCall);
  expose(env, exports, "truncate", truncateCall);
  expose(env, exports, "getFlags", getFlags);
  expose(env, exports, "setFlags", setFlags);
  expose(env, exports, "getdents", getdentsCall);
}

}  // namespace posixtest
