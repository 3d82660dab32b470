// mount.cc - the two ways to mount, and unmounting what is ours only.
#include "fuse/mount.h"

#include "base/log.h"
#include "sys/mounting.h"

namespace unionfs {
namespace {

sys::FuseMountRequest requestOf(const MountOptions& options) {
  return {.mountpoint = options.mountpoint,
          .source = options.source,
          .subtype = options.subtype,
          .readOnly = options.readOnly,
          .allowOther = options.allowOther,
          .allowDev = options.allowDev,
          .allowSuid = options.allowSuid,
          .noatime = options.noatime,
          .allowExec = options.allowExec};
}

Result<Channel> mountDirectly(const sys::FuseMountRequest& request, MountError& error) {
  auto device = sys::openFuseDevice();
  if (!device) {
    error = {.error = device.error(), .syscall = "open /dev/fuse", .detail = {}};
    return device.error();
  }
  const Status mounted = sys::mountFuse(*device, request);
  if (!mounted) {
    error = {.error = mounted.error(), .syscall = "mount", .detail = {}};
    return mounted.error();
  }
  return Channel(std::move(*device), Channel::Kind::device);
}

Result<Channel> mountByHelper(const sys::FuseMountRequest& request, MountError& error) {
  sys::HelperFailure failure;
  auto device = sys::mountThroughHelper(request, failure);
  if (!device) {
    if (failure.error == ENOENT) failure.detail = "there is no fusermount3 (Debian package fuse3), which users without privilege need";
    error = {.error = failure.error, .syscall = "fusermount3", .detail = failure.detail};
    return device.error();
  }
  return Channel(std::move(*device), Channel::Kind::device);
}

// Errors of the direct way that mean "you may not", where the helper may.
bool helperMayDo(Errno error) { return error == EPERM || error == EACCES; }

}  // namespace

MountPoint::MountPoint(std::string path, bool viaHelper) : path_(std::move(path)), viaHelper_(viaHelper) {
  // FUSE gives each connection a device of major 0 whose minor is the connection's number.
  if (const auto top = sys::topMountAt(path_)) connection_ = top->deviceMinor;
}

std::unique_ptr<MountPoint> MountPoint::mount(const MountOptions& options, Channel& channel, MountError& error) {
  const sys::FuseMountRequest request = requestOf(options);
  auto direct = mountDirectly(request, error);
  const bool viaHelper = !direct && helperMayDo(direct.error());
  if (viaHelper) direct = mountByHelper(request, error);
  if (!direct) return nullptr;
  channel = std::move(*direct);
  return std::unique_ptr<MountPoint>(new MountPoint(options.mountpoint, viaHelper));
}

MountPoint::~MountPoint() {
  if (!present_) return;
  const Status gone = unmount(true);
  if (!gone && !gone.failsWith(EINVAL))
    log::write(log::Level::warn, "mount left behind", {{"path", path_}, {"errno", gone.error().value()}});
}

bool MountPoint::isOnTop() const {
  const auto top = sys::topMountAt(path_);
  return top && top->deviceMajor == 0 && top->deviceMinor == connection_;
}

Status MountPoint::unmount(bool lazy) {
  if (!present_) return Errno(EINVAL);
  const auto top = sys::topMountAt(path_);
  if (!top) {
    present_ = false;
    return Errno(EINVAL);
  }
  if (!isOnTop()) return Errno(EBUSY);
  Status done = sys::unmount(path_, lazy);
  if (done.failsWith(EPERM)) {
    sys::HelperFailure failure;
    done = sys::unmountThroughHelper(path_, lazy, failure);
  }
  if (done) present_ = false;
  return done;
}

}  // namespace unionfs
