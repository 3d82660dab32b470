#include "daemon/control.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/errno_name.h"
#include "base/log.h"
#include "daemon/json.h"
#include "daemon/served_mount.h"
#include "sys/events.h"
#include "sys/local_socket.h"

namespace unionfs::daemon {
namespace {

constexpr int kPatienceSeconds = 1;
constexpr size_t kLongestRequest = 64 << 10;

// Who asks waits on, and would be met again at once: without descriptors nobody can be let in.
void pauseFor(Errno error) {
  constexpr int kMilliseconds = 100;
  if (error == EMFILE || error == ENFILE || error == ENOMEM) static_cast<void>(sys::waitForAny({}, kMilliseconds));
}

std::string refusal(std::string_view code, std::string_view message) {
  return JsonObject().flag("ok", false).text("code", code).text("message", message).done();
}

std::string unmount(ServedMount& mount, bool lazy) {
  const Status unmounted = mount.session().unmount(lazy);
  if (unmounted) return JsonObject().flag("ok", true).done();
  return refusal(errnoName(unmounted.error()), describe(unmounted.error()) + ", umount");
}

void answer(const Fd& socket, const std::string& reply) {
  const Status sent = sys::sendText(socket, reply + "\n");
  if (!sent) log::write(log::Level::info, "an asker has gone", {{"errno", sent.error().value()}});
}

}  // namespace

// Requests are written by our own command, always in the same way.
void answerNext(const Fd& listener, ServedMount& mount, Errands& errands) {
  auto accepted = sys::acceptFrom(listener, kPatienceSeconds);
  if (!accepted) return pauseFor(accepted.error());
  const auto socket = std::make_shared<const Fd>(std::move(*accepted));
  const auto request = sys::receiveLine(*socket, kLongestRequest, kPatienceSeconds);
  if (!request) return;
  const bool plainly = *request == R"({"op":"unmount","lazy":false})", lazily = *request == R"({"op":"unmount","lazy":true})";
  if (plainly || lazily) return errands.run([&mount, socket, lazily] { answer(*socket, unmount(mount, lazily)); });
  if (*request != R"({"op":"status"})") return answer(*socket, refusal("EIO", "unknown request"));
  answer(*socket, JsonObject().flag("ok", true).json("snapshot", mount.snapshotJson()).done());
}

}  // namespace unionfs::daemon
