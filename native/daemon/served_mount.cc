#include "daemon/served_mount.h"

#include <linux/capability.h>

#include <charconv>

#include "daemon/json.h"
#include "layer/stack.h"
#include "overlay/overlay.h"
#include "sys/creds.h"
#include "sys/mounting.h"
#include "sys/self.h"
#include "sys/text_file.h"

namespace unionfs::daemon {
namespace {

// src/config/options.ts: defaultThreads.
constexpr unsigned kThreads = 4;
// What src/engine/descriptors.ts gives the caches where descriptors are ample (daemon.cc).
constexpr size_t kCachedDescriptors = 2048;

StackOptions stackOptions(const PlainStack& stack) {
  StackOptions options;
  options.lowers = stack.lowers;
  options.upper = stack.upper;
  options.workdir = stack.workdir;
  options.mountpoint = stack.mountpoint;
  return options;
}

// What the kernel shows for an owner it cannot name.
uint32_t overflowId(const std::string& kind) {
  uint32_t id = 65534;  // a container's proc may lack the file; this is the kernel's own default
  if (const auto text = sys::readText("/proc/sys/kernel/overflow" + kind)) std::from_chars(text->data(), text->data() + text->size(), id);
  return id;
}

OverlayOptions overlayOptions(const PlainRequest& request) {
  OverlayOptions options;
  options.isVolatile = !request.sync;
  options.marksVolatile = false;  // whoever asks for it keeps his own record of it
  options.fdBudget = kCachedDescriptors;
  options.owners = {.users = IdMap(request.uidRanges, request.squashUid, overflowId("uid")),
                    .groups = IdMap(request.gidRanges, request.squashGid, overflowId("gid"))};
  return options;
}

MountOptions mountOptions(const PlainRequest& request, const PlainStack& stack) {
  const bool root = sys::ownUid() == 0;
  MountOptions options;
  options.mountpoint = stack.mountpoint;
  if (!request.source.empty()) options.source = request.source;
  if (request.standIn) options.source = options.subtype = kStandIn;
  options.readOnly = stack.upper.empty();
  options.allowOther = request.allowOther || root;
  // Callers ask for it as a matter of course; where it cannot be had, the kernel leaves it out.
  options.allowDev = request.dev && sys::hasCapability(CAP_SYS_ADMIN) && sys::inInitialUserNamespace();
  options.allowSuid = request.suid && root;
  options.allowExec = request.exec;
  options.maxThreads = kThreads;
  options.writeback = request.writeback;
  options.silentXattrs = request.source.empty();  // src/cli/commands/mount-program.ts says why
  return options;
}

}  // namespace

std::unique_ptr<ServedMount> ServedMount::start(const PlainRequest& request, PlainStack stack, std::string version, Session::OnEnd onEnd) {
  std::unique_ptr<ServedMount> mount(new ServedMount(std::move(stack), std::move(version)));
  log::setLevel(log::Level::warn);
  log::setSink([troubles = &mount->troubles_](const log::Record& record) { troubles->add(record); });
  StackError stackError;
  std::shared_ptr<LayerStack> layers = LayerStack::open(stackOptions(mount->stack_), stackError);
  if (!layers) return nullptr;
  auto overlay = Overlay::open(std::move(layers), overlayOptions(request));
  if (!overlay) return nullptr;
  MountError mountError;
  mount->session_ =
      Session::mount(std::shared_ptr<Overlay>(std::move(*overlay)), mountOptions(request, mount->stack_), std::move(onEnd), mountError);
  return mount->session_ ? std::move(mount) : nullptr;
}

ServedMount::~ServedMount() {
  session_.reset();
  log::setSink({});
}

std::string ServedMount::recordJson(const std::string& socket) const {
  const auto device = sys::topMountAt(stack_.mountpoint);
  const auto orNothing = [](const Result<std::string>& text) { return text ? *text : std::string(); };
  JsonObject record;
  record.number("version", 1).number("pid", static_cast<uint64_t>(sys::ownPid())).text("startTime", orNothing(sys::ownStartTime()));
  record.text("pidNamespace", orNothing(sys::ownNamespace("pid"))).text("mountNamespace", orNothing(sys::ownNamespace("mnt")));
  record.text("mountpoint", stack_.mountpoint);
  record.text("device", device ? std::to_string(device->deviceMajor) + ":" + std::to_string(device->deviceMinor) : "");
  record.texts("lowers", stack_.lowers);
  if (!stack_.upper.empty()) {
    record.text("upper", stack_.upper).text("workdir", stack_.workdir);
    record.text("upperIdentity", stack_.upperIdentity).text("workdirIdentity", stack_.workdirIdentity);
  }
  return record.text("startedAt", startedAt_).text("socket", socket).done();
}

std::string ServedMount::snapshotJson() const {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_);
  const sys::MemoryUse memory = sys::ownMemory();
  JsonObject use;
  use.number("rssBytes", memory.residentBytes);
  if (memory.ownShareBytes) use.number("pssBytes", *memory.ownShareBytes);
  JsonObject snapshot;
  snapshot.text("mountpoint", stack_.mountpoint).number("pid", static_cast<uint64_t>(sys::ownPid())).text("version", version_);
  snapshot.flag("readOnly", stack_.upper.empty()).texts("lowers", stack_.lowers);
  if (!stack_.upper.empty()) snapshot.text("upper", stack_.upper).text("workdir", stack_.workdir);
  snapshot.text("startedAt", startedAt_).number("uptimeSeconds", static_cast<uint64_t>(uptime.count()));
  snapshot.text("transport", "kernel").json("session", sessionJson()).number("threads", session_->threads());
  snapshot.json("operations", operationsJson()).json("overlay", overlayJson());
  snapshot.json("index", JsonObject().text("state", "off").done()).json("memory", use.done());
  return snapshot.json("troubles", troubles_.json()).done();
}

std::string ServedMount::sessionJson() const {
  const SessionInfo info = session_->info();
  JsonObject session;
  session.text("io", info.io == IoMode::passthrough ? "passthrough" : "cached").text("ioReason", info.ioReason);
  session.number("protocolMinor", info.protocolMinor).number("connection", info.connection);
  return session.flag("viaFusermount", info.viaFusermount).done();
}

std::string ServedMount::operationsJson() const {
  JsonObject operations;
  for (const auto& [name, stats] : session_->operations()) {
    JsonObject figures;
    figures.number("count", stats.count).number("errors", stats.errors).real("p50", stats.p50).real("p90", stats.p90);
    operations.json(name, figures.real("p99", stats.p99).real("max", stats.max).real("total", stats.total).done());
  }
  return operations.done();
}

std::string ServedMount::overlayJson() const {
  const OverlayStats stats = session_->overlay().stats();
  JsonObject figures;
  figures.number("inodes", stats.inodes).number("lookups", stats.lookups).number("dirFds", stats.dirFds);
  figures.number("fileFds", stats.fileFds).number("pinnedFds", stats.pinnedFds).number("listings", stats.listings);
  figures.number("listingBytes", stats.listingBytes).number("copyUps", stats.copyUps).number("copyUpBytes", stats.copyUpBytes);
  return figures.flag("upperBroken", stats.upperBroken).done();
}

}  // namespace unionfs::daemon
