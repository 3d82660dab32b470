#include "overlay/overlay.h"

#include <sys/stat.h>

#include <utility>
#include "layer/marker.h"

#include "overlay/acl.h"
#include "overlay/ino.h"
#include "overlay/prepare.h"
#include "overlay/state.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

// ACLs are offered when some layer's filesystem knows them: ENODATA says it does, EOPNOTSUPP that it does not.
bool anyLayerHasAcl(const LayerStack& stack) {
  for (LayerIndex layer = stack.firstIndex(); layer < stack.size(); ++layer) {
    const auto found = sys::getXattr({stack.layer(layer).root(), ""}, acl::kAccess);
    if (found.ok() || found.failsWith(ENODATA)) return true;
  }
  return false;
}

Status makeRoot(OverlayState& state) {
  const LayerStack& stack = *state.stack;
  const LayerIndex top = stack.firstIndex();
  DirState shape;
  for (LayerIndex layer = top; layer < stack.size(); ++layer) {
    shape.layers.push_back(layer);
    TRY_ASSIGN(const marker::DirMarks marks, marker::readDirMarks(stack.layer(layer).root()));
    if (layer == kUpperLayer) shape.impure = marks.impure;
    if (marks.impure && layer != kUpperLayer) shape.impureLowers.push_back(layer);
    if (marks.mayHoldXattrWhiteouts && layer != kUpperLayer) shape.xattrWhiteoutIn.push_back(layer);
    if (marks.opaque) break;
  }
  const LayerIndex numbered = shape.layers.size() > 1 && top == kUpperLayer ? shape.layers[1] : top;
  const uint64_t ino = composeIno(state, numbered, stack.layer(numbered).rootStat().ino);
  auto made = state.table.findOrCreate(keyOf(top, stack.layer(top).rootStat()), S_IFDIR, ino, top, [&](Inode& inode) {
    inode.dir->layers = shape.layers;
    inode.dir->known.begin(shape.layers);
    inode.dir->xattrWhiteoutIn = shape.xattrWhiteoutIn;
    inode.dir->impureLowers = shape.impureLowers;
    inode.dir->hasUpper = top == kUpperLayer;
    inode.dir->hasLower = shape.layers.back() != kUpperLayer;
    inode.dir->merged = shape.layers.size() > 1;
    inode.dir->impure = shape.impure.load();
  });
  state.root = std::move(made.inode);
  return success();
}

}  // namespace

Overlay::Overlay(std::unique_ptr<OverlayState> state) : state_(std::move(state)) {}
Overlay::~Overlay() = default;

Result<std::unique_ptr<Overlay>> Overlay::open(std::shared_ptr<LayerStack> stack, OverlayOptions options) {
  auto state = std::make_unique<OverlayState>(std::move(stack), options);
  state->acl = anyLayerHasAcl(*state->stack);
  if (options.isVolatile && options.marksVolatile && state->stack->writable()) TRY(state->work().markVolatile());
  TRY(makeRoot(*state));
  return std::unique_ptr<Overlay>(new Overlay(std::move(state)));
}

void Overlay::prepare() const { prepareDeepDirectories(*state_); }

Status Overlay::readAhead() { return state_->ahead.start(); }

void Overlay::leaveTimesToKernel() { state_->kernelKeepsTimes = true; }

std::vector<NodeId> Overlay::takeStaleAttributes() { return state_->takeStale(); }

OverlayStats Overlay::stats() const {
  const OverlayState& state = *state_;
  OverlayStats out;
  out.inodes = state.table.size();
  out.lookups = state.table.lookups();
  out.dirFds = state.dirFds.size();
  out.fileFds = state.dataFds.size();
  out.pinnedFds = state.pins.load();
  out.listings = state.listings.count();
  out.listingBytes = state.listings.bytes();
  out.copyUps = state.copyUps.load();
  out.copyUpBytes = state.copyUpBytes.load();
  out.upperBroken = state.upperBroken.load();
  return out;
}

const LayerStack& Overlay::stack() const { return *state_->stack; }

bool Overlay::isVolatile() const { return state_->options.isVolatile; }

bool Overlay::hasAcl() const { return state_->acl; }

}  // namespace unionfs
