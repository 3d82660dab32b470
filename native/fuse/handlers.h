// handlers.h - one function per FUSE operation: decode, ask the engine, encode. No rule of the union stands here.
//
// A handler never replies itself: it fills the reply or returns an errno, and the dispatcher sends the one answer.
#pragma once

#include "fuse/backing.h"
#include "fuse/in_flight.h"
#include "fuse/init.h"
#include "fuse/reply.h"
#include "fuse/request.h"
#include "overlay/overlay.h"

namespace unionfs {

class DataSeeker;
class XattrSilence;

// What all requests of one mount share. Borrowed from the session.
struct Connection {
  Overlay& overlay;
  InFlight& inFlight;
  Negotiated agreed;
  BackingMap* backing = nullptr;    // set in passthrough mode only
  DataSeeker* seeker = nullptr;     // set while the kernel may hold dirty pages (write-back cache)
  Validity validity{};              // of names and attributes, present or absent
  bool xattrs = true;               // false: the mount has none
  XattrSilence* silence = nullptr;  // set on mounts that cannot change, and where it is wanted
};

// One request on its way.
struct Call {
  Connection& connection;
  const Request& request;
  Arguments arguments;
  Reply& reply;
  const Channel& channel;

  [[nodiscard]] Overlay& overlay() const { return connection.overlay; }
  [[nodiscard]] NodeId node() const { return request.node(); }
};

using Handler = Status (*)(Call&);

namespace handlers {

// Names: handlers_names.cc
Status lookup(Call& call);
Status forget(Call& call);
Status batchForget(Call& call);
Status readdir(Call& call);
Status readdirplus(Call& call);

// Changes of the tree: handlers_tree.cc
Status mknod(Call& call);
Status mkdir(Call& call);
Status symlink(Call& call);
Status link(Call& call);
Status unlink(Call& call);
Status rmdir(Call& call);
Status rename(Call& call);
Status rename2(Call& call);
Status create(Call& call);
Status tmpfile(Call& call);

// Attributes: handlers_attr.cc
Status getattr(Call& call);
Status setattr(Call& call);
Status statx(Call& call);
Status statfs(Call& call);
Status readlink(Call& call);
Status getxattr(Call& call);
Status listxattr(Call& call);
Status setxattr(Call& call);
Status removexattr(Call& call);
Status ioctl(Call& call);

// File data: handlers_file.cc
Status open(Call& call);
Status opendir(Call& call);
Status release(Call& call);
Status read(Call& call);
Status write(Call& call);
Status fsync(Call& call);
Status fsyncdir(Call& call);
Status syncfs(Call& call);
Status fallocate(Call& call);
Status lseek(Call& call);
Status copyFileRange(Call& call);
Status copyFileRange64(Call& call);

// The connection itself: handlers_other.cc
Status interrupt(Call& call);
Status accepted(Call& call);     // nothing to do, and that is the answer
Status unsupported(Call& call);  // ENOSYS: the kernel does it alone and does not ask again
Status outOfOrder(Call& call);   // EINVAL: this message has no place here

}  // namespace handlers
}  // namespace unionfs
