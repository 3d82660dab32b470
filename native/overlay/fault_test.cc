// fault_test.cc - each changing system call of each verb fails once, or is the one before which the process dies: the
// merged tree is *before* or *after*, live and mounted anew, and a verb that failed can be repeated.
#include <algorithm>
#include <filesystem>
#include <new>

#include "layer/workdir.h"
#include "overlay/fault_verbs_test.h"
#include "testing/fault_loop.h"
#include "testing/memory_fault.h"
#include "testing/temp_in_memory.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::FaultAttempt;
using testing::FaultVerb;
using testing::LayerFixture;
using testing::MergedView;

// What the upper's filesystem is made to lack.
enum class Upper {
  full,           // nothing
  noWhiteouts,    // devices 0:0: `.wh.` files instead
  noTemporaries,  // O_TMPFILE: copies are staged under names
  keepsOwners,    // nothing, but it keeps owners, modes and types in xattrs
};

// What the engine knows when the verb comes.
enum class Memory {
  cold,  // nothing: it asks the layers
  warm,  // every directory was read: it asks its indexes
};

std::shared_ptr<LayerStack> openStack(const LayerFixture& layers, OverrideKind overrides = OverrideKind::none) {
  const StackOptions options{.lowers = {layers.lowerPath().string()},
                             .upper = layers.upperPath().string(),
                             .workdir = layers.workPath().string(),
                             .overrides = overrides};
  StackError error;
  return LayerStack::open(options, error);
}

bool isOf(const WorkDir::Features& features, Upper kind) {
  return features.xattrs == marker::XattrSpace::trusted && (features.whiteout == WhiteoutForm::file) == (kind == Upper::noWhiteouts) &&
         features.tmpfile == (kind != Upper::noTemporaries);
}

// The stack of an upper of that kind: the probe that asks for the feature is denied. Which call that is, is found out.
std::shared_ptr<LayerStack> openStack(const LayerFixture& layers, Upper kind) {
  if (kind == Upper::full) return openStack(layers);
  if (kind == Upper::keepsOwners) return openStack(layers, OverrideKind::containers);
  constexpr uint64_t kProbes = 20;
  for (uint64_t at = 1; at <= kProbes; ++at) {
    fs::remove_all(layers.workPath() / "work");
    fault::arm({.effect = fault::Effect::fail, .at = at, .error = EPERM});
    auto stack = openStack(layers);
    fault::disarm();
    if (stack && isOf(stack->work().features(), kind)) return stack;
  }
  return nullptr;
}

// The upper as the top one of the lowers of a read-only union: seen without disturbing the one that is open.
std::string dumpBeside(const LayerFixture& layers) {
  StackError error;
  auto stack = LayerStack::open({.lowers = {layers.upperPath().string(), layers.lowerPath().string()}, .upper = "", .workdir = ""}, error);
  if (!stack) return "cannot be opened";
  const auto overlay = Overlay::open(std::move(stack), {});
  return overlay.ok() ? MergedView(**overlay).dump() : "cannot be opened";
}

// "gone whiteout" becomes ".wh.gone = ".
std::string withWhiteoutFiles(std::string tree) {
  constexpr std::string_view kMark = " whiteout";
  for (size_t at = tree.find(kMark); at != std::string::npos; at = tree.find(kMark)) {
    tree.replace(at, kMark.size(), "@0600 = ");
    const size_t slash = tree.rfind('/', at), line = tree.rfind('\n', at);
    const size_t name = std::max(slash == std::string::npos ? 0 : slash + 1, line == std::string::npos ? 0 : line + 1);
    tree.insert(name, ".wh.");
  }
  return tree;
}

// One union, the verb run on it once, and what it looks like then.
class Round {
 public:
  Round(const FaultVerb& verb, Upper kind, Memory memory) : verb_(verb) {
    layers_.lower(verb.lower).upper(kind == Upper::noWhiteouts ? withWhiteoutFiles(verb.upper) : verb.upper);
    if (verb.prepare != nullptr) verb.prepare(layers_);
    auto stack = openStack(layers_, kind);
    if (!stack) return;
    if (auto opened = Overlay::open(std::move(stack), {}); opened.ok()) overlay_ = std::move(*opened);
    if (overlay_ && memory == Memory::warm) static_cast<void>(live());
  }

  [[nodiscard]] bool opened() const { return overlay_ != nullptr; }
  Status run() {
    MergedView view(*overlay_);
    return verb_.run(view);
  }
  std::string live() { return MergedView(*overlay_, std::string(verb_.name) + ": ").dump(); }
  [[nodiscard]] std::string beside() const { return dumpBeside(layers_); }
  [[nodiscard]] bool broken() const { return overlay_->stats().upperBroken; }
  std::string anew() {
    overlay_.reset();
    return testing::dumpAnew(layers_);
  }
  [[nodiscard]] bool onlySweepable() const {
    return std::ranges::all_of(layers_.staged(), [](const std::string& name) { return name.starts_with("work/#"); });
  }

 private:
  const FaultVerb& verb_;
  testing::TempInMemory memory_;  // thousands of files are synchronized
  LayerFixture layers_;
  std::shared_ptr<Overlay> overlay_;
};

// A place in the loops, for failures to be read.
struct Case {
  const FaultVerb& verb;
  Upper kind;
  Memory memory = Memory::cold;
  std::string before;
  std::string fault;

  void check(bool right, const std::string& what) const {
    if (right) return;
    const std::string place =
        std::string(verb.name) + ", upper " + testing::show(kind) + (memory == Memory::warm ? ", warm, " : ", cold, ");
    testing::recordFailure(__FILE__, __LINE__, place + fault + ": " + what);
  }
  [[nodiscard]] bool known(const std::string& tree) const { return tree == before || tree == verb.after; }
  [[nodiscard]] bool knownOnDisk(const std::string& tree) const { return known(tree) || (verb.between != nullptr && tree == verb.between); }
};

void checkRepeated(const Case& at, Round& round, const std::string& live) {
  if (round.broken()) return;
  const Status again = round.run();
  at.check(again.ok() || live == at.verb.after, "cannot be repeated: errno " + std::to_string(again.ok() ? 0 : again.error().value()));
  const std::string repeated = round.live();
  at.check(repeated == at.verb.after, "repeated, it shows\n" + repeated);
}

void failingOnce(Case at, int error) {
  testing::forEachFault(
      fault::Effect::fail,
      [&at, error](FaultAttempt& attempt) {
        at.fault = "call " + std::to_string(attempt.at()) + " fails with " + std::to_string(error);
        Round round(at.verb, at.kind, at.memory);
        REQUIRE(round.opened());
        bool succeeded = false;
        attempt.run([&] { succeeded = round.run().ok(); });
        const std::string live = round.live(), disk = round.beside();
        at.check(at.known(live), "the live union shows\n" + live);
        at.check(at.knownOnDisk(disk), "the disk has\n" + disk);
        at.check(!succeeded || live == at.verb.after, "it says it succeeded, and shows\n" + live);
        at.check(live == disk || at.verb.between != nullptr, "the live union shows\n" + live + "the disk has\n" + disk);
        at.check(round.onlySweepable(), "the work directory holds what no mount would sweep");
        if (attempt.struck() && !succeeded) checkRepeated(at, round, live);
        const std::string last = round.live(), anew = round.anew();
        at.check(last == anew || at.verb.between != nullptr, "mounted anew, it shows\n" + anew);
        at.check(at.knownOnDisk(anew), "mounted anew, it shows\n" + anew);
      },
      error);
}

void dyingOnce(Case at) {
  testing::forEachFault(fault::Effect::die, [&at](FaultAttempt& attempt) {
    at.fault = "death before call " + std::to_string(attempt.at());
    Round round(at.verb, at.kind, at.memory);
    REQUIRE(round.opened());
    attempt.run([&] { at.check(round.run().ok(), "fails by itself"); });
    at.check(round.onlySweepable(), "the work directory holds what no mount would sweep");
    const std::string anew = round.anew();
    at.check(at.knownOnDisk(anew), "mounted anew, it shows\n" + anew);
    at.check(attempt.struck() || anew == at.verb.after, "done, it shows\n" + anew);
  });
}

// True when the fault was reached.
bool withoutMemoryOnce(Case& at, uint64_t nth) {
  at.fault = "without memory at allocation " + std::to_string(nth);
  Round round(at.verb, at.kind, at.memory);
  if (!round.opened()) return false;
  bool succeeded = false, struck = false;
  {
    const testing::AllocationFault fault(nth);
    try {
      succeeded = round.run().ok();
    } catch (const std::bad_alloc&) {
      succeeded = false;
    }
    struck = fault.struck();
  }
  const std::string live = round.live(), disk = round.beside();
  at.check(at.known(live), "the live union shows\n" + live);
  at.check(!succeeded || live == at.verb.after, "it says it succeeded, and shows\n" + live);
  at.check(live == disk || at.verb.between != nullptr, "the live union shows\n" + live + "the disk has\n" + disk);
  if (struck && !succeeded) checkRepeated(at, round, live);
  const std::string last = round.live(), anew = round.anew();
  at.check(last == anew || at.verb.between != nullptr, "mounted anew, it shows\n" + anew);
  return struck;
}

Case undisturbed(const FaultVerb& verb, Upper kind, Memory memory) {
  Round round(verb, kind, memory);
  Case at{verb, kind, memory, {}, "no fault"};
  at.check(round.opened(), "cannot be opened");
  if (!round.opened()) return at;
  at.before = round.live();
  const Status done = round.run();
  at.check(done.ok(), "errno " + std::to_string(done.ok() ? 0 : done.error().value()));
  const std::string live = round.live();
  at.check(live == verb.after, "shows\n" + live);
  return at;
}

template <typename Check>
void forEachVerb(Upper kind, Memory memory, Check&& check) {
  for (const FaultVerb& verb : testing::faultVerbs()) check(undisturbed(verb, kind, memory));
}

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";

TEST("a verb that meets an I/O error leaves before or after, live and on disk") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  forEachVerb(Upper::full, Memory::warm, [](const Case& at) { failingOnce(at, EIO); });
}

TEST("a verb that is refused a call leaves before or after, and can be repeated") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const Memory memory : {Memory::cold, Memory::warm}) {
    forEachVerb(Upper::full, memory, [](const Case& at) { failingOnce(at, EPERM); });
  }
}

TEST("a verb that is refused a call leaves before or after where whiteouts are files") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const Memory memory : {Memory::cold, Memory::warm}) {
    forEachVerb(Upper::noWhiteouts, memory, [](const Case& at) { failingOnce(at, EPERM); });
  }
}

TEST("a verb that is refused a call leaves before or after where owners are kept in xattrs") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  forEachVerb(Upper::keepsOwners, Memory::warm, [](const Case& at) { failingOnce(at, EPERM); });
}

TEST("a verb that meets a full disk leaves before or after, and can be repeated") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  forEachVerb(Upper::noTemporaries, Memory::cold, [](const Case& at) { failingOnce(at, ENOSPC); });
}

TEST("a verb that finds no memory leaves before or after, holds no lock, and can be repeated") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const Memory memory : {Memory::cold, Memory::warm}) {
    forEachVerb(Upper::full, memory, [](Case at) {
      for (uint64_t nth = 1; withoutMemoryOnce(at, nth);) ++nth;
    });
  }
}

TEST("a process that dies within a verb leaves before or after, and only what the next mount sweeps") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const Upper kind : {Upper::full, Upper::noWhiteouts, Upper::noTemporaries, Upper::keepsOwners})
    forEachVerb(kind, Memory::cold, dyingOnce);
}

}  // namespace
}  // namespace unionfs
