#include "daemon/control.h"

#include <cstring>
#include <string>
#include <string_view>

#include "base/log.h"
#include "daemon/json.h"
#include "daemon/served_mount.h"
#include "sys/local_socket.h"

namespace unionfs::daemon {
namespace {

constexpr int kPatienceSeconds = 1;
constexpr size_t kLongestRequest = 64 << 10;

std::string refusal(std::string_view code, std::string_view message) {
  return JsonObject().flag("ok", false).text("code", code).text("message", message).done();
}

std::string unmount(ServedMount& mount, bool lazy) {
  const Status unmounted = mount.session().unmount(lazy);
  if (unmounted) return JsonObject().flag("ok", true).done();
  const char* const name = strerrorname_np(unmounted.error().value());
  const std::string code = name == nullptr ? "EIO" : name;
  return refusal(code, code + ": " + strerrordesc_np(unmounted.error().value()) + ", umount");
}

// Requests are written by our own command, always in the same way.
std::string answerTo(std::string_view request, ServedMount& mount) {
  if (request == R"({"op":"status"})") return JsonObject().flag("ok", true).json("snapshot", mount.snapshotJson()).done();
  if (request == R"({"op":"unmount","lazy":false})") return unmount(mount, false);
  if (request == R"({"op":"unmount","lazy":true})") return unmount(mount, true);
  return refusal("EIO", "unknown request");
}

}  // namespace

void answerNext(const Fd& listener, ServedMount& mount) {
  const auto socket = sys::acceptFrom(listener, kPatienceSeconds);
  if (!socket) return;  // it has gone again
  const auto request = sys::receiveLine(*socket, kLongestRequest);
  if (!request) return;
  const Status sent = sys::sendText(*socket, answerTo(*request, mount) + "\n");
  if (!sent) log::write(log::Level::info, "an asker has gone", {{"errno", sent.error().value()}});
}

}  // namespace unionfs::daemon
