#include "layer/workdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <array>
#include <charconv>

#include "base/log.h"
#include "sys/attr.h"
#include "sys/dir.h"
#include "sys/open.h"
#include "sys/tree.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr const char* kWork = "work";
constexpr const char* kIncompat = "incompat";
constexpr const char* kVolatile = "volatile";

Result<Fd> openDir(At at) { return sys::open(at, O_RDONLY | O_DIRECTORY); }

Status makeDirIfAbsent(At at) {
  const auto made = sys::mkdir(at, 0700);
  if (!made.ok() && !made.failsWith(EEXIST)) return made.error();
  return success();
}

void logLitter(const char* name, Errno error) {
  log::write(log::Level::warn, "a whiteout that hides nothing stays in the upper", {{"name", name}, {"errno", error.value()}});
}

// What is written below does not show at the root. A directory that was sealed is known by its root's ctime, which every
// index can see: giving the root the mode it has moves it.
void unsealUpper(int root, const Layer& upper) {
  const Status moved = sys::chmod({root, ""}, upper.rootStat().mode & 07777U);
  if (!moved.ok())
    log::write(log::Level::warn, "a seal of the upper, if it has one, stays", {{"upper", upper.path()}, {"errno", moved.error().value()}});
}

Result<bool> isUncleanVolatile(int work) {
  const auto incompat = openDir({work, kIncompat});
  if (!incompat.ok()) return meansAbsent(incompat.error()) ? Result<bool>(false) : incompat.error();
  return sys::exists({incompat->get(), kVolatile});
}

}  // namespace

Result<std::unique_ptr<WorkDir>> WorkDir::open(const std::string& path, const Layer& upper, bool whiteoutFiles) {
  auto dir = std::unique_ptr<WorkDir>(new WorkDir);
  TRY_ASSIGN(dir->base_, sys::openPath(path, O_RDONLY | O_DIRECTORY));
  TRY_ASSIGN(const sys::Stat stat, sys::stat({dir->base_.get(), ""}));
  if (stat.dev != upper.rootStat().dev || stat.mountId != upper.rootStat().mountId) return Errno(EXDEV);
  // Own open file descriptions, so that the lock lives and dies with this object. The upper's path may lead elsewhere by
  // now; what is locked is what is written.
  TRY_ASSIGN(dir->upperLock_, openDir({upper.root(), "."}));
  for (const int fd : {dir->base_.get(), dir->upperLock_.get()}) {
    const auto locked = sys::lockExclusive(fd);
    if (!locked.ok()) return locked.failsWith(EWOULDBLOCK) ? Errno(EBUSY) : locked.error();
  }
  unsealUpper(dir->upperLock_.get(), upper);
  TRY(dir->sweep(dir->base_.get()));
  TRY(dir->probe(whiteoutFiles));
  return dir;
}

WorkDir::~WorkDir() {
  if (!whiteoutName_.empty()) discard(whiteoutName_);
}

Status WorkDir::sweep(int base) {
  const auto work = openDir({base, kWork});
  if (work.ok()) {
    TRY_ASSIGN(const bool unclean, isUncleanVolatile(work->get()));
    if (unclean) return Errno(EUCLEAN);
    TRY(sys::removeAll({base, kWork}));
  } else if (!meansAbsent(work.error())) {
    return work.error();
  }
  TRY(makeDirIfAbsent({base, kWork}));
  TRY_ASSIGN(work_, openDir({base, kWork}));
  return success();
}

Status WorkDir::markVolatile() {
  TRY(makeDirIfAbsent({work_.get(), kIncompat}));
  TRY_ASSIGN(const Fd incompat, openDir({work_.get(), kIncompat}));
  return makeDirIfAbsent({incompat.get(), kVolatile});
}

Status WorkDir::clearVolatile() { return sys::removeAll({work_.get(), kIncompat}); }

std::string WorkDir::newName() {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), next_.fetch_add(1), 16).ptr;
  return "#" + std::string(digits.data(), end);
}

void WorkDir::discard(const std::string& name) {
  const auto removed = sys::removeAll(at(name));
  if (!removed.ok())
    log::write(log::Level::warn, "cannot clear a work object; the next mount will", {{"name", name}, {"errno", removed.error().value()}});
}

// --- what the upper can do

Status WorkDir::probe(bool whiteoutFiles) {
  const std::string name = newName();
  TRY(sys::mkdir(at(name), 0700));
  TRY_ASSIGN(const Fd dir, openDir(at(name)));
  if (marker::setOpaque(dir.get(), marker::XattrSpace::trusted).ok()) {
    features_.xattrs = marker::XattrSpace::trusted;
  } else if (marker::setOpaque(dir.get(), marker::XattrSpace::user).ok()) {
    features_.xattrs = marker::XattrSpace::user;
  }
  if (const auto temporary = sys::openTemporary(dir.get(), O_RDWR, 0600); temporary.ok()) {
    features_.tmpfile = sys::link({temporary->get(), ""}, {dir.get(), "t"}).ok();
  }
  features_.whiteout = !whiteoutFiles && probeWhiteouts().ok() ? WhiteoutForm::device : WhiteoutForm::file;
  if (features_.whiteout == WhiteoutForm::file) TRY(createWhiteoutFile({dir.get(), "w"}));
  return sys::removeAll(at(name));
}

Status WorkDir::probeWhiteouts() {
  TRY(makeSharedWhiteout());
  const std::string a = newName(), b = newName(), c = newName();
  TRY(sys::mkdir(at(a), 0700));
  TRY(linkWhiteout(at(b)));
  const auto exchanged = sys::rename(at(a), at(b), RENAME_EXCHANGE);
  const auto whitened = sys::rename(at(b), at(c), RENAME_WHITEOUT);
  for (const auto* name : {&a, &b, &c}) TRY(sys::removeAll(at(*name)));
  TRY(exchanged);
  return whitened;
}

// --- whiteouts

// Precondition: whiteoutMutex_ is held, or nobody else knows this object yet.
Status WorkDir::makeSharedWhiteout() {
  std::string name = newName();
  TRY(sys::mknod(at(name), S_IFCHR, 0));
  whiteoutName_ = std::move(name);
  return success();
}

Status WorkDir::linkWhiteout(At target) {
  const std::lock_guard lock(whiteoutMutex_);
  const auto linked = whiteoutName_.empty() ? Status(Errno(EMLINK)) : sys::link(at(whiteoutName_), target);
  if (!linked.failsWith(EMLINK) && !linked.failsWith(ENOENT)) return linked;
  TRY(makeSharedWhiteout());
  return sys::link(at(whiteoutName_), target);
}

Status WorkDir::createWhiteoutFile(At target) {
  const auto file = sys::createExclusive({target.dir, marker::whiteoutFileFor(target.name).c_str()}, 0, 0700);
  if (!file.ok() && !file.failsWith(EEXIST)) return file.error();
  return success();
}

// A mark beside a name that is there hides nothing above this layer, so a failure only leaves litter.
void WorkDir::removeWhiteoutFile(At target) {
  const auto removed = sys::unlink({target.dir, marker::whiteoutFileFor(target.name).c_str()});
  if (!removed.ok() && !meansAbsent(removed.error())) logLitter(target.name, removed.error());
}

Status WorkDir::whiteoutAbsent(At target) {
  return features_.whiteout == WhiteoutForm::file ? createWhiteoutFile(target) : linkWhiteout(target);
}

Status WorkDir::whiteoutFile(At target) {
  if (features_.whiteout == WhiteoutForm::file) {
    TRY(createWhiteoutFile(target));
    return sys::unlink(target);
  }
  const std::string staged = newName();
  TRY(linkWhiteout(at(staged)));
  const auto moved = sys::rename(at(staged), target);
  if (!moved.ok()) discard(staged);
  return moved;
}

Status WorkDir::whiteoutDir(At target) {
  const std::string staged = newName();
  if (features_.whiteout == WhiteoutForm::file) {
    TRY(createWhiteoutFile(target));
    TRY(sys::rename(target, at(staged)));
  } else {
    TRY(linkWhiteout(at(staged)));
    const auto swapped = sys::rename(at(staged), target, RENAME_EXCHANGE);
    if (!swapped.ok()) {
      discard(staged);
      return swapped;
    }
  }
  discard(staged);
  return success();
}

Status WorkDir::removeDir(At target) {
  const auto removed = sys::rmdir(target);
  if (!removed.failsWith(ENOTEMPTY) && !removed.failsWith(EEXIST)) return removed;
  const std::string displaced = newName();
  TRY(sys::rename(target, at(displaced)));
  discard(displaced);
  return success();
}

Status WorkDir::setOpaque(int dir) const {
  TRY(marker::setOpaque(dir, features_.xattrs));
  return features_.whiteout == WhiteoutForm::file ? marker::setOpaque(dir, marker::XattrSpace::none) : success();
}

// --- publishing

Status WorkDir::publish(const std::string& staged, At target, UpperName was, bool isDir) {
  if (was == UpperName::whiteoutDevice && isDir) {
    TRY(sys::rename(at(staged), target, RENAME_EXCHANGE));
    discard(staged);
    removeWhiteoutFile(target);
    return success();
  }
  TRY(sys::rename(at(staged), target));
  if (was != UpperName::absent) removeWhiteoutFile(target);
  return success();
}

Status WorkDir::publishTemporary(int fd, At target, UpperName was) {
  if (was != UpperName::whiteoutDevice) {
    TRY(sys::link({fd, ""}, target));
    if (was == UpperName::whiteoutFile) removeWhiteoutFile(target);
    return success();
  }
  const std::string staged = newName();
  TRY(sys::link({fd, ""}, at(staged)));
  const auto published = publish(staged, target, was, false);
  if (!published.ok()) discard(staged);
  return published;
}

Status WorkDir::renameLeavingWhiteout(At from, At to, UpperName toWas, bool isDir) {
  if (features_.whiteout == WhiteoutForm::file) {
    TRY(createWhiteoutFile(from));
    return renamePlain(from, to, toWas, isDir);
  }
  // The whiteout that lies at the target is as good as a new one: swapping the two is one step.
  if (toWas == UpperName::whiteoutDevice) {
    TRY(sys::rename(from, to, RENAME_EXCHANGE));
    removeWhiteoutFile(to);
    return success();
  }
  TRY(sys::rename(from, to, RENAME_WHITEOUT));
  if (toWas == UpperName::whiteoutFile) removeWhiteoutFile(to);
  return success();
}

Status WorkDir::renamePlain(At from, At to, UpperName toWas, bool isDir) {
  if (toWas == UpperName::whiteoutDevice && isDir) {
    TRY(sys::rename(from, to, RENAME_EXCHANGE));
    // The whiteout now hides nothing at `from`. Left there it is harmless.
    const auto removed = sys::unlink(from);
    if (!removed.ok()) logLitter(from.name, removed.error());
    removeWhiteoutFile(to);
    return success();
  }
  TRY(sys::rename(from, to));
  if (toWas == UpperName::whiteoutFile || toWas == UpperName::whiteoutDevice) removeWhiteoutFile(to);
  return success();
}

}  // namespace unionfs
