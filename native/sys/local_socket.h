// local_socket.h - the unix socket by which other processes of the same user ask this one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// A socket at `path`, which must not exist yet. ENAMETOOLONG beyond 107 bytes.
Result<Fd> listenAt(const std::string& path);
// Who asks next. Each read and write waits no longer than `seconds`.
Result<Fd> acceptFrom(const Fd& listener, int seconds);
// Up to the first newline, which is left out. EMSGSIZE beyond `limit` bytes, EAGAIN when all of it takes longer than `seconds`,
// EPIPE when the other side ends early.
Result<std::string> receiveLine(const Fd& socket, size_t limit, int seconds);
// All of it. EPIPE when the other side has gone, without a signal.
Status sendText(const Fd& socket, std::string_view text);

}  // namespace unionfs::sys
