// merged_view.cc - walking and describing a live union.
#include "testing/merged_view.h"

#include <dirent.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>

#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs::testing {
namespace {

constexpr NodeId kNobody = UINT64_MAX;

std::string withMode(const std::string& name, mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "@%04o", static_cast<unsigned>(mode & 07777U));
  return name + text.data();
}

std::string failed(const std::string& what, Errno error) { return what + ": errno " + std::to_string(error.value()); }

}  // namespace

MergedView::~MergedView() {
  for (const auto& [node, count] : counts_) overlay_.forget(node, count);
}

void MergedView::fail(const std::string& what) const { recordFailure(__FILE__, __LINE__, place_ + what); }

Entry MergedView::take(const Entry& entry) {
  ++counts_[entry.node];
  return entry;
}

MaybeEntry MergedView::lookup(NodeId parent, Name name) {
  const auto found = overlay_.lookup(parent, name);
  if (!found.ok()) {
    fail(failed("lookup of " + std::string(name), found.error()));
    return std::nullopt;
  }
  if (*found) take(**found);
  return *found;
}

MaybeEntry MergedView::find(std::string_view path) {
  Entry current{kRootNode, {}};
  if (path.empty()) {
    const auto attr = overlay_.getattr(kRootNode);
    if (attr.ok()) current.attr = *attr;
    return current;
  }
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const auto next = lookup(current.node, path.substr(0, slash));
    if (!next) return std::nullopt;
    current = *next;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return current;
}

NodeId MergedView::node(std::string_view path) {
  const auto found = find(path);
  if (found) return found->node;
  fail("the union does not show " + std::string(path));
  return kNobody;
}

Attr MergedView::attr(std::string_view path) {
  const auto found = overlay_.getattr(node(path));
  if (found.ok()) return *found;
  fail(failed("getattr of " + std::string(path), found.error()));
  return {};
}

std::string MergedView::readNode(NodeId node, uint64_t size) {
  std::string text(size, '\0');
  const auto got = overlay_.read(node, std::as_writable_bytes(std::span(text)), 0);
  if (!got.ok()) return "unreadable: errno " + std::to_string(got.error().value());
  text.resize(*got);
  std::string shown;
  for (const char c : text) shown += c == '\n' ? std::string("\\n") : std::string(1, c);
  return shown;
}

std::string MergedView::read(std::string_view path) {
  const auto found = find(path);
  return found ? readNode(found->node, found->attr.size) : "absent";
}

std::map<std::string, DirEntry> MergedView::list(NodeId dir) {
  std::map<std::string, DirEntry> entries;
  const auto done = overlay_.readdir(dir, 0, [&entries](const DirEntry& entry) {
    DirEntry kept = entry;
    kept.name = {};  // lives no longer than this call
    if (entry.name != "." && entry.name != "..") entries.emplace(entry.name, kept);
    return true;
  });
  if (!done.ok()) fail(failed("readdir", done.error()));
  return entries;
}

std::string MergedView::describe(const Entry& entry, const std::string& shown) {
  const mode_t mode = entry.attr.mode;
  const std::string name = S_ISLNK(mode) ? shown : withMode(shown, mode);
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return name + "/";
    case S_IFREG:
      return name + " = " + readNode(entry.node, entry.attr.size);
    case S_IFLNK: {
      const auto target = overlay_.readlink(entry.node);
      return name + " -> " + (target.ok() ? *target : "unreadable");
    }
    case S_IFIFO:
      return name + " fifo";
    default:
      return name + " of another type";
  }
}

void MergedView::dumpInto(NodeId dir, const std::string& prefix, std::string& out) {
  for (const auto& [name, listed] : list(dir)) {
    const std::string shown = prefix + name;
    const auto entry = lookup(dir, name);
    if (!entry) {
      fail("readdir shows " + shown + ", lookup does not");
      out += shown + " listed only\n";
      continue;
    }
    if (listed.ino != entry->attr.ino) fail("readdir and stat give " + shown + " different inode numbers");
    if (listed.type != IFTODT(entry->attr.mode)) fail("readdir and stat give " + shown + " different types");
    out += describe(*entry, shown) + "\n";
    if (S_ISDIR(entry->attr.mode)) dumpInto(entry->node, shown + "/", out);
  }
}

std::string MergedView::dump() {
  std::string out;
  dumpInto(kRootNode, "", out);
  return out;
}

std::string dumpAnew(LayerFixture& layers) {
  const auto overlay = layers.open();
  return overlay ? MergedView(*overlay).dump() : "cannot be opened\n";
}

}  // namespace unionfs::testing
