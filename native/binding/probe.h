// probe.h - what this host and a given directory offer, found out by trying; and unmounting by path.
#pragma once

#include <napi.h>

namespace unionfs::binding {

// (): HostProbe. Tries a FUSE mount in a private mount namespace of a child process; nothing of it stays.
Napi::Value probeHost(const Napi::CallbackInfo& info);
// (path: string): PathProbe. Works in a scratch directory below `path` that is removed again.
Napi::Value probePath(const Napi::CallbackInfo& info);
// (mountpoint: string, lazy: boolean): Promise<void>. For mounts whose daemon does not answer: umount2, else fusermount3.
Napi::Value unmountPath(const Napi::CallbackInfo& info);

}  // namespace unionfs::binding
